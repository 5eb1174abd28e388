-- Takes KEYS[1] for whoever has the token ARGV[1], for ARGV[2] milliseconds, with the next number of KEYS[2].
-- Gives {1, the number}, or {0, how many milliseconds another has it yet}.
-- The number is the time in microseconds, or one more than the last if that is later: it grows although the server may
-- forget the last one. Whoever asks twice, because the answer was lost, gets the number there is.
local last = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {1, last}
end
if holder then
  return {0, redis.call('PTTL', KEYS[1])}
end
local time = redis.call('TIME')
local number = math.max(last + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
redis.call('SET', KEYS[2], string.format('%.0f', number), 'PX', 86400000)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, number}
