
-- Removes an entry in the plain and in the tracked form: a function may have been given a bound, or lost it. ARGV: the
-- field, the channel, the sender, how to tell (`s`, `p` or nothing), the bytes of a field and a value that are not the
-- entry's, and what must be there for it to be removed. If it is not, others are told all the same: it may have been.
local plain, scores, values = KEYS[1], KEYS[2], KEYS[3]
local field, channel, sender, how, extra, expected = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
if expected and redis.pcall('GET', plain) ~= expected and redis.pcall('HGET', values, field) ~= expected then
  return how ~= '' and tell(channel, sender, how) or 0
end
local removed = redis.call('UNLINK', plain)
local account = redis.pcall('HGET', values, 'b')
local length = redis.pcall('HSTRLEN', values, field)
local dropped = redis.pcall('HDEL', values, field)
if type(dropped) == 'number' and dropped > 0 then
  removed = removed + dropped
  local sum, number = string.match(type(account) == 'string' and account or '', '^(%d+):(%d+)$')
  if sum and tonumber(number) > 0 then
    sum = tonumber(sum) - #field - length + extra
    redis.pcall('HSET', values, 'b', string.format('%.0f:%.0f', math.max(sum, 0), number - 1))
  end
end
redis.pcall('ZREM', scores, field)
if how == '' then return removed end
return tell(channel, sender, how) or removed
