
-- Moves the clock, and notes it for the tags whose fields are in ARGV from 4 on. ARGV[1] is the name of the next epoch, and
-- then come the sender and how to tell (`s` or `p`). Gives the epoch and the clock.
local key = KEYS[1]
local known = redis.pcall('HGET', key, 'e')
if type(known) == 'table' and not string.find(known.err, 'WRONGTYPE', 1, true) then return known end
if type(known) ~= 'string' or redis.call('HLEN', key) > 1000000 then
  redis.call('UNLINK', key)
  known = ARGV[1]
end
local set = redis.pcall('HSET', key, 'e', known)
if type(set) == 'table' then
  -- Out of memory. Without an epoch nothing that was tagged is believed.
  redis.call('UNLINK', key)
  tell(key, ARGV[2], ARGV[3])
  return set
end
-- The time, or one more than the last: a server that takes over has not heard of the last ones, and what was tagged at a
-- clock that comes again would be believed.
local time = redis.call('TIME')
local last = tonumber(redis.call('HGET', key, 'c') or '0') or 0
local clock = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('HSET', key, 'c', clock)
for i = 4, #ARGV do redis.call('HSET', key, ARGV[i], clock) end
return tell(key, ARGV[2], ARGV[3]) or { known, clock }
