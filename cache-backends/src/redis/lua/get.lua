-- Entries, and notes their use. ARGV: now in microseconds, the rule and the source of scores, the time of the space in
-- milliseconds or 0, and the fields. Gives the latest score and the values.
local scores, values = KEYS[1], KEYS[2]
local now, rule, source, ttl = tonumber(ARGV[1]), string.sub(ARGV[2], 1, 1), string.sub(ARGV[2], 3, 3), tonumber(ARGV[3])
local found, last, used = { '' }, nil, false

local function moment()
  if last then
    last = last + 1
    return last
  end
  local highest = redis.call('ZREVRANGE', scores, 0, 0, 'WITHSCORES')[2]
  last = highest and tonumber(highest) + 1 or 1
  if source == 't' then
    local time = redis.call('TIME')
    last = math.max(last, time[1] * 1000000 + time[2])
  end
  return last
end

-- The value may lack a score, and gets one.
local function note(field)
  if rule == 'n' then
    redis.call('ZADD', scores, string.format('%.0f', moment()), field)
  elseif rule == 'c' then
    local score = redis.call('ZSCORE', scores, field)
    local uses = math.floor(tonumber(score or '0')) + 1
    local time = redis.call('TIME')
    local part = ((time[1] - 1577836800) * 1000000 + time[2]) / 2251799813685248
    redis.call('ZADD', scores, string.format('%.17g', uses + part), field)
  elseif not redis.call('ZSCORE', scores, field) then
    redis.call('ZADD', scores, '0', field)
  end
end

-- Asked before anything is written: whether the scores are scores, and whether there is memory for one.
local ready = redis.pcall('ZCARD', scores)
for i = 4, #ARGV do
  local value = redis.pcall('HGET', values, ARGV[i])
  if type(value) == 'table' then return value end
  found[i - 2] = value
  if not value then
    redis.pcall('ZREM', scores, ARGV[i])
  elseif type(ready) ~= 'table' and #value >= 8 and struct.unpack('<I8', value) > now then
    pcall(note, ARGV[i])
    used = true
  end
end
if used and ttl > 0 then
  redis.call('PEXPIRE', values, ttl)
  redis.call('PEXPIRE', scores, ttl)
end
if last then found[1] = string.format('%.0f', last) end
return found
