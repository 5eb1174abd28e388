-- Moves the clock, and notes it for the tags whose fields are in ARGV from 4 on. ARGV[1] is the name of the next epoch, and
-- then come the sender and how to tell (`s` or `p`). Gives the epoch and the clock.
local key = KEYS[1]
local known = epoch(key)
if type(known) == 'table' then return known end
if not known or redis.call('HLEN', key) > 1000000 then
  redis.call('UNLINK', key)
  known = ARGV[1]
end
local set = redis.pcall('HSET', key, 'e', known, 'r', run())
if type(set) == 'table' then
  -- Out of memory. Without an epoch nothing that was tagged is believed.
  redis.call('UNLINK', key)
  tell(key, ARGV[2], ARGV[3])
  return set
end
-- At least the time, in microseconds: of two servers that take each other's place the later one is ahead.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local clock = math.max((tonumber(redis.call('HGET', key, 'c')) or 0) + 1, now)
clock = string.format('%.0f', clock)
redis.call('HSET', key, 'c', clock)
for i = 4, #ARGV do redis.call('HSET', key, ARGV[i], clock) end
return tell(key, ARGV[2], ARGV[3]) or { known, clock }
