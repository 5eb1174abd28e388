-- Entries, and notes their use. ARGV: now in microseconds, the rule and the source of scores, the time of the space in
-- milliseconds or 0, and the fields. Gives the latest score or 0, and the values.
local call = redis.call
local scores, values = KEYS[1], KEYS[2]
local now, rule, source, ttl = tonumber(ARGV[1]), string.sub(ARGV[2], 1, 1), string.sub(ARGV[2], 3, 3), tonumber(ARGV[3])
local found, last, time, used = { 0 }, nil, nil, false

local function micros()
  if not time then
    time = call('TIME')
    time = time[1] * 1000000 + time[2]
  end
  return time
end

-- The value may lack a score, and gets one.
local function note(field)
  if rule == 'n' then
    if last then
      last = last + 1
    else
      local highest = call('ZREVRANGE', scores, 0, 0, 'WITHSCORES')[2]
      last = highest and tonumber(highest) + 1 or 1
      if source == 't' then last = math.max(last, micros()) end
    end
    call('ZADD', scores, last, field)
  elseif rule == 'c' then
    -- One use more, and the time as a fraction.
    local uses = math.floor(tonumber(call('ZSCORE', scores, field) or '0')) + 1
    call('ZADD', scores, uses + (micros() - 1577836800000000) / 2251799813685248, field)
    time = time + 1
  elseif not call('ZSCORE', scores, field) then
    call('ZADD', scores, 0, field)
  end
end

for i = 4, #ARGV do
  local field = ARGV[i]
  local value = redis.pcall('HGET', values, field)
  if type(value) == 'table' then return value end
  found[i - 2] = value
  if not value then
    redis.pcall('ZREM', scores, field)
  elseif #value >= 8 and struct.unpack('<I8', value) > now then
    -- That a use cannot be noted, for want of memory or because the scores are none, is no reason to have no value.
    pcall(note, field)
    used = true
  end
end
if used and ttl > 0 then
  call('PEXPIRE', values, ttl)
  call('PEXPIRE', scores, ttl)
end
found[1] = last or 0
return found
