-- At most ARGV[1] calls in any window of ARGV[2] microseconds: a list holds the times of those that were allowed.
-- Gives {whether this one is, how many are left, after how many microseconds there is one again}.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
-- A clock that was set back does not go on before the last call.
now = math.max(now, tonumber(redis.call('LINDEX', KEYS[1], -1) or '0') or 0)
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and (tonumber(oldest) or 0) <= now - window do
  redis.call('LPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], 0)
end
local count = redis.call('LLEN', KEYS[1])
if count >= limit then
  -- Of more than the limit, after it was lowered, so many must leave.
  local leaves = tonumber(redis.call('LINDEX', KEYS[1], count - limit)) or now
  return {0, 0, leaves + window - now}
end
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return {1, limit - count - 1, 0}
