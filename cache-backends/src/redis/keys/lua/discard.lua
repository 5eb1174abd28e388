-- Removes fields, ARGV, 1,000 at most. The sum of bytes is made anew when somebody needs it.
redis.call('ZREM', KEYS[1], unpack(ARGV))
local removed = redis.call('HDEL', KEYS[2], unpack(ARGV))
if removed > 0 then redis.call('HDEL', KEYS[2], 'b') end
return removed
