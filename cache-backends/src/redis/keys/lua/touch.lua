-- What KEYS[1] holds, for another ARGV[1] milliseconds.
local value = redis.call('GET', KEYS[1])
if value then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return value
