-- At most ARGV[1] calls in a window of ARGV[2] microseconds, which begins with the first call.
-- Gives {whether this one is among them, how many are left, after how many microseconds there is one again}.
local count = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
local left = redis.call('PTTL', KEYS[1])
local limit = tonumber(ARGV[1])
if left < 0 then
  count = 0
end
if count >= limit then
  return {0, 0, math.max(left, 1) * 1000}
end
if count == 0 then
  redis.call('SET', KEYS[1], '1', 'PX', math.ceil(tonumber(ARGV[2]) / 1000))
else
  redis.call('INCR', KEYS[1])
end
return {1, limit - count - 1, 0}
