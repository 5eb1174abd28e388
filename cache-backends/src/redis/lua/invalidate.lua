
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
local clock = redis.call('HINCRBY', key, 'c', 1)
for i = 4, #ARGV do redis.call('HSET', key, ARGV[i], clock) end
return tell(key, ARGV[2], ARGV[3]) or { known, tostring(clock) }
