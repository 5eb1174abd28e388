
-- Stores entries. ARGV goes on with the moment, or 0 if it is to be found out here; how many places are wanted on loan, how
-- many are given back, and of which period; and for each entry its field, value, milliseconds to live or 0 and a random
-- number. Or, if that is all that is to be known of it, with the moment, the field and the value of one entry. What is common
-- to all puts of a space ends with the time of the space in milliseconds or 0, whether it slides, and whether the server
-- forgets fields by itself. KEYS goes on with the plain form of each entry, if there may be one, and ends with the loans, if
-- there may be any: then what is said of them is not empty.
local ttl, sliding, forgets = string.match(further, '^ (%d+) (%d) (%d)$')
ttl, sliding, forgets = tonumber(ttl), sliding == '1', forgets == '1'
local given = tonumber(ARGV[3])
local last = given > 0 and given - 1 or nil
local first, each, ledger, wanted, back, since = 4, 2, KEYS[3], 0, 0, nil
if #ARGV > 5 then
  first, each, ledger = 5, 4, ARGV[4] ~= '' and KEYS[#KEYS] or nil
  if ledger then
    wanted, back, since = string.match(ARGV[4], '^(%d+) (%d+) (%d+)$')
    wanted, back, since = tonumber(wanted), tonumber(back), tonumber(since)
  end
end
local spread = #KEYS - (ledger and 3 or 2)

-- Places that processes fill without asking, by the period of eight seconds in which they were lent. They are used within
-- some seconds, so those of the last two periods are kept free. Where that is not written down, as the server has evicted
-- it or others have removed it, all are taken for lent that can be, unless there is room for them anyway.
-- A period is named by its number and a part of the time at which it was first written down: what was lent before that was
-- forgotten is not given back to what came after.
local loans, period, is_noted = {}, 0, true
if ledger and most >= 1024 then
  local known = redis.pcall('HGETALL', ledger)
  is_noted = not known.err and #known > 0
  if not is_noted then known = {} end
  local time = call('TIME')
  local number = math.floor(time[1] / 8)
  period = number * 1048576 + time[2]
  local lent, limit = 0, math.floor(most / 16)
  for i = 1, #known, 2 do
    local at, count = tonumber(known[i]) or 0, tonumber(known[i + 1]) or 0
    local age = number - math.floor(at / 1048576)
    if age == 0 then period = at end
    if at == since then count = count - back end
    if (age == 0 or age == 1) and count > 0 then
      loans[at] = count
      lent = lent + count
    end
  end
  if not is_noted and math.max(ranked, entries) + limit > most then
    loans[period] = limit
    lent = limit
  end
  lent = math.min(lent, limit)
  wanted = math.min(wanted, limit - lent)
  most = most - lent
end

for i = first, #ARGV, each do
  local field, value = ARGV[i], ARGV[i + 1]
  local plain = spread > 0 and KEYS[3 + (i - first) / each] or nil
  local own, old = 0, 0
  if held then
    own, old = #field + #value - extra, size(field)
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
    ranked, entries = fresh and ranked or ranked - 1, entries - 1
    if held then held = held - old end
  end
  if wanted == 0 and not held and ranked == entries and entries == most and most > 1 and leaves == 'l' and rule == 'n' then
    -- One comes, one goes: what is written for good measure in `make_room`, in short.
    local popped = call('ZPOPMIN', scores, 1)[1]
    if popped == field then popped = call('ZPOPMIN', scores, 1)[1] end
    entries = entries - call('HDEL', values, popped)
    ranked = ranked - 1
  elseif held or most >= 0 and math.max(ranked, entries) >= most then
    make_room(added == 0 and 1 or 1 + wanted, own, field)
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
    last = time[1] * 1000000 + time[2]
    score = 1 + (last - 1577836800000000) / 2251799813685248
  end
  call('ZADD', scores, score, field)
  if plain then call('UNLINK', plain) end
  if forgets and each == 4 and ARGV[i + 2] ~= '0' then redis.pcall('HPEXPIRE', values, ARGV[i + 2], 'FIELDS', 1, field) end
  ranked, entries = ranked + 1, entries + 1
  if held then held = held + own end
end
if held then account() end
if ttl > 0 and (sliding or call('PTTL', values) < 0 or call('PTTL', scores) < 0) then
  call('PEXPIRE', values, ttl)
  call('PEXPIRE', scores, ttl)
end
if wanted > 0 or back > 0 or not is_noted then
  local free = math.max(0, math.min(wanted, most - math.max(ranked, entries)))
  loans[period] = (loans[period] or 0) + free
  call('UNLINK', ledger)
  -- Without an end: a server that is full evicts what has one first.
  for at, count in pairs(loans) do call('HSET', ledger, at, count) end
  if wanted > 0 or back > 0 then return { free, period } end
end
return given == 0 and last or 0
