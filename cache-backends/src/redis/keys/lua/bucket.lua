-- A bucket of ARGV[1] tokens, to which one is added every ARGV[2] microseconds; a call takes one.
-- Gives {whether there was one, how many are left, after how many microseconds there is one again}.
-- Kept is the time at which the bucket will be full.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local capacity, every = tonumber(ARGV[1]), tonumber(ARGV[2])
local missing = math.max(0, (tonumber(redis.call('GET', KEYS[1]) or '0') or 0) - now)
-- A clock that was set back, or a bucket that was made smaller, leaves it empty at worst.
missing = math.min(missing, capacity * every)
if missing > (capacity - 1) * every then
  return {0, 0, missing - (capacity - 1) * every}
end
missing = missing + every
redis.call('SET', KEYS[1], string.format('%.0f', now + missing), 'PX', math.ceil(missing / 1000))
return {1, math.floor((capacity * every - missing) / every), 0}
