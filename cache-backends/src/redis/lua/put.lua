
-- Stores entries. KEYS go on with the plain form of each; ARGV with the time of the space in milliseconds or 0, whether it
-- slides, whether the server forgets fields by itself, and for each entry its field, value, milliseconds to live or 0 and a
-- random number.
local ttl, sliding, forgets = tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7] == '1'
local last

-- The next moment: later than all scores.
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

local function fresh(random)
  if rule == 'r' then return random end
  if rule == 'n' then return string.format('%.0f', moment()) end
  -- One use, and the time as a fraction, which settles ties by age.
  local time = redis.call('TIME')
  return string.format('%.17g', 1 + ((time[1] - 1577836800) * 1000000 + time[2]) / 2251799813685248)
end

for i = 8, #ARGV, 4 do
  local field, value, life = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local plain = KEYS[3 + (i - 8) / 4]
  local own, old = #field + #value - extra, held and size(field) or 0
  local added = redis.pcall('HSET', values, field, value)
  if type(added) == 'table' then
    -- Out of memory. What was there is not what should be there.
    if held then held = held - old end
    entries = entries - redis.call('HDEL', values, field)
    redis.call('ZREM', scores, field)
    redis.call('UNLINK', plain)
    account()
    return added
  end
  if added == 0 then
    entries = entries - 1
    if held then held = held - old end
  end
  ranked = ranked - redis.call('ZREM', scores, field)
  make_room(1, own, field)
  redis.call('ZADD', scores, fresh(ARGV[i + 3]), field)
  redis.call('UNLINK', plain)
  if forgets and life > 0 then redis.pcall('HPEXPIRE', values, life, 'FIELDS', 1, field) end
  ranked, entries = ranked + 1, entries + 1
  if held then held = held + own end
end
account()
if ttl > 0 and (sliding or redis.call('PTTL', values) < 0 or redis.call('PTTL', scores) < 0) then
  redis.call('PEXPIRE', values, ttl)
  redis.call('PEXPIRE', scores, ttl)
end
return last and string.format('%.0f', last) or ''
