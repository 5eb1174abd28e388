-- Moves what KEYS[1] holds to KEYS[2], for another ARGV[1] milliseconds. Whoever asks twice, because the answer was
-- lost, has moved it as well: nobody else knows the second key.
local value = redis.call('GET', KEYS[1])
if not value then
  return redis.call('EXISTS', KEYS[2])
end
redis.call('SET', KEYS[2], value, 'PX', ARGV[1])
redis.call('DEL', KEYS[1])
return 1
