
-- Stores entries. ARGV goes on with the time of the space in milliseconds or 0, whether it slides, whether the server
-- forgets fields by itself, the moment or 0 if it is to be found out here, and for each entry its field, value, milliseconds to live or 0 and a random number; KEYS with
-- the plain form of each, if there may be one.
local ttl, sliding, forgets = tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7] == '1'
local given = tonumber(ARGV[8])
local last = given > 0 and given - 1 or nil

for i = 9, #ARGV, 4 do
  local field, value = ARGV[i], ARGV[i + 1]
  local plain = KEYS[3 + (i - 9) / 4]
  local own, old = 0, 0
  if held then
    own, old = #field + #value - tonumber(ARGV[3]), size(field)
  end
  local added = redis.pcall('HSET', values, field, value)
  if type(added) == 'table' then
    -- Out of memory. What was there is not what should be there.
    entries = entries - call('HDEL', values, field)
    call('ZREM', scores, field)
    if plain then call('UNLINK', plain) end
    if held then
      held = held - old
      account()
    end
    return added
  end
  if added == 0 then
    -- From here on the numbers are those of the others.
    ranked, entries = ranked - 1, entries - 1
    if held then held = held - old end
  end
  if not held and ranked == entries and entries == most and most > 1 and leaves == 'l' and rule == 'n' then
    -- One comes, one goes: what is written for good measure in `make_room`, in short.
    local popped = call('ZPOPMIN', scores, 1)[1]
    if popped == field then popped = call('ZPOPMIN', scores, 1)[1] end
    entries = entries - call('HDEL', values, popped)
    ranked = ranked - 1
  elseif held or most >= 0 and math.max(ranked, entries) >= most then
    make_room(1, own, field)
  end
  local score
  if rule == 'n' then
    -- Later than all scores.
    if last then
      last = last + 1
    else
      local highest = call('ZREVRANGE', scores, 0, 0, 'WITHSCORES')[2]
      last = highest and tonumber(highest) + 1 or 1
      if source == 't' then
        local time = call('TIME')
        last = math.max(last, time[1] * 1000000 + time[2])
      end
    end
    score = last
  elseif rule == 'r' then
    score = ARGV[i + 3]
  else
    -- One use, and the time as a fraction, which settles ties by age.
    local time = call('TIME')
    score = 1 + ((time[1] - 1577836800) * 1000000 + time[2]) / 2251799813685248
  end
  call('ZADD', scores, score, field)
  if plain then call('UNLINK', plain) end
  if forgets and ARGV[i + 2] ~= '0' then redis.pcall('HPEXPIRE', values, ARGV[i + 2], 'FIELDS', 1, field) end
  ranked, entries = ranked + 1, entries + 1
  if held then held = held + own end
end
if held then account() end
if ttl > 0 and (sliding or call('PTTL', values) < 0 or call('PTTL', scores) < 0) then
  call('PEXPIRE', values, ttl)
  call('PEXPIRE', scores, ttl)
end
return given == 0 and last or 0
