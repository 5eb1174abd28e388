-- Who leaves. `put` and `fit` go on from here.
--
-- Nothing is written before all that can be refused has been asked for, because a script that fails is not undone: the
-- first write is one that a server out of memory refuses, and once there was a write it refuses no more.
local scores, values = KEYS[1], KEYS[2]
-- The most entries and bytes, negative where there is no bound; what a field and a value have beside the entry.
local most, weight, extra = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
-- What a fresh score is, which end leaves, where times come from.
local rule, leaves, source = string.match(ARGV[4], '(%l)(%l)(%l)')
-- How many leave at most, so that other callers have their turn.
local budget = 10000

-- The size of a key; what is of a foreign type is not there.
local function count(command, key)
  local number = redis.pcall(command, key)
  if type(number) == 'table' and string.find(number.err, 'WRONGTYPE', 1, true) then
    redis.call('UNLINK', key)
    return 0
  end
  return number
end

local ranked = count('ZCARD', scores)
if type(ranked) == 'table' then return ranked end
local entries = count('HLEN', values)
if type(entries) == 'table' then return entries end

-- The bytes of an entry.
local function size(field)
  local length = redis.call('HSTRLEN', values, field)
  return length > 0 and #field + length - extra or 0
end

-- The bytes of all entries, looked at one by one.
local function weigh()
  local sum, cursor = 0, '0'
  repeat
    local page = redis.call('HSCAN', values, cursor, 'COUNT', 1000)
    cursor = page[1]
    for i = 1, #page[2], 2 do
      if page[2][i] ~= 'b' then sum = sum + #page[2][i] + #page[2][i + 1] - extra end
    end
  until cursor == '0'
  return sum
end

-- Where bytes are bounded, their sum is in the field `b`, with the number of entries that it was made of. Whoever does not
-- keep it leaves that number wrong, and it is made anew.
local held
if weight >= 0 then
  local account = redis.call('HGET', values, 'b')
  if account then entries = entries - 1 end
  local sum, number = string.match(account or '', '^(%d+):(%d+)$')
  held = sum and tonumber(number) == entries and tonumber(sum) or weigh()
end

local function account()
  if held and entries > 0 then
    redis.pcall('HSET', values, 'b', string.format('%.0f:%.0f', held, entries))
  elseif held then
    redis.call('HDEL', values, 'b')
  end
end

-- Removes values, at most 1,000 because of what `unpack` can do.
local function drop(fields)
  if #fields == 0 then return end
  if held then
    for i = 1, #fields do held = held - size(fields[i]) end
  end
  entries = entries - redis.call('HDEL', values, unpack(fields))
end

-- Removes at most `number` values without a score, of some `looks` from `cursor` on; gives the next cursor.
local function sweep(cursor, number, looks, spared)
  local page = redis.call('HSCAN', values, cursor, 'COUNT', looks)
  local fields = {}
  for i = 1, #page[2], 2 do
    local field = page[2][i]
    if #fields < number and field ~= 'b' and field ~= spared and not redis.call('ZSCORE', scores, field) then
      fields[#fields + 1] = field
    end
  end
  drop(fields)
  budget = budget - looks
  return page[1]
end

-- Removes scores without a value, of some ten from `cursor` on: what the server has forgotten, and others have taken.
local function bury(cursor)
  local page = redis.call('ZSCAN', scores, cursor, 'COUNT', 10)
  local fields = {}
  for i = 1, #page[2], 2 do
    if #fields < 1000 and redis.call('HEXISTS', values, page[2][i]) == 0 then fields[#fields + 1] = page[2][i] end
  end
  if #fields > 0 then ranked = ranked - redis.call('ZREM', scores, unpack(fields)) end
end

-- Makes room for `own` entries of `bytes`: the value of `spared`, which has no score yet and is not in `entries`.
local function make_room(own, bytes, spared)
  -- Where a search for halves of entries begins is chance, so that none of them is out of reach.
  local cursor = redis.call('TIME')[2]
  local searched = false
  while budget > 0 do
    local there = math.max(ranked, entries)
    local over = most >= 0 and there + own - most or 0
    if over <= 0 then
      if not held or held + bytes <= weight or there == 0 then return end
      over = 1
    end
    over = math.min(over, budget, 1000)
    if ranked == 0 then
      cursor = sweep(cursor, over, 100, spared)
    elseif ranked ~= entries and not searched then
      searched = true
      if ranked > entries then bury(cursor) else cursor = sweep(cursor, over, 10, spared) end
    else
      local popped = redis.call(leaves == 'h' and 'ZPOPMAX' or 'ZPOPMIN', scores, over)
      local fields = {}
      for i = 1, #popped, 2 do fields[#fields + 1] = popped[i] end
      ranked, budget = ranked - #fields, budget - #fields
      drop(fields)
    end
  end
end
