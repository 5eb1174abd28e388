-- Who leaves. `put` and `fit` go on from here. What is rare is in functions that are not even made when they are not needed.
--
-- Nothing is written before all that can be refused has been asked for, because a script that fails is not undone: the
-- first write is one that a server out of memory refuses, and once there was a write it refuses no more.
local call = redis.call
local scores, values = KEYS[1], KEYS[2]
-- The most entries, negative where there is no bound.
local most = tonumber(ARGV[1])
-- The most bytes; what a field and a value have beside the entry; what a fresh score is, which end leaves, where times come
-- from; and what only `put` needs.
local weight, extra, rule, leaves, source, further = string.match(ARGV[2], '^(%S+) (%d+) (%l)(%l)(%l)(.*)$')
weight, extra = tonumber(weight), tonumber(extra)
-- How many leave at most, so that other callers have their turn.
local budget = 10000

local ranked, entries = redis.pcall('ZCARD', scores), redis.pcall('HLEN', values)
if type(ranked) == 'table' or type(entries) == 'table' then
  -- What is of a foreign type is not there.
  for key, number in pairs({ [scores] = ranked, [values] = entries }) do
    if type(number) == 'table' then
      if not string.find(number.err, 'WRONGTYPE', 1, true) then return number end
      call('UNLINK', key)
    end
  end
  ranked, entries = call('ZCARD', scores), call('HLEN', values)
end

-- Where bytes are bounded, their sum is in the field `b`, with the number of entries that it was made of. Whoever does not
-- keep it leaves that number wrong. Then entries that nobody weighed count as the others do on average; only if they are
-- more than an eighth all are weighed, which keeps the server for as long as that takes. `size` gives the bytes of an entry.
local held, size, account
if weight >= 0 then
  size = function(field)
    local length = call('HSTRLEN', values, field)
    return length > 0 and #field + length - extra or 0
  end
  account = function()
    if entries > 0 then
      redis.pcall('HSET', values, 'b', string.format('%.0f:%.0f', held, entries))
    else
      call('HDEL', values, 'b')
    end
  end
  local known = call('HGET', values, 'b')
  if known then entries = entries - 1 end
  local sum, number = string.match(known or '', '^(%d+):(%d+)$')
  number = tonumber(number)
  if number == entries then
    held = tonumber(sum)
  elseif number and math.abs(entries - number) * 8 < math.min(entries, number) then
    held = math.floor(tonumber(sum) * entries / number)
  else
    held = 0
    local cursor = '0'
    repeat
      local page = call('HSCAN', values, cursor, 'COUNT', 1000)
      cursor = page[1]
      for i = 1, #page[2], 2 do
        if page[2][i] ~= 'b' then held = held + #page[2][i] + #page[2][i + 1] - extra end
      end
    until cursor == '0'
  end
end

-- Makes room for `own` entries of `bytes`: the value of `spared`, which is in neither of the numbers.
local function make_room(own, bytes, spared)
  -- Removes values, at most 1,000 because of what `unpack` can do.
  local function drop(fields)
    if #fields == 0 then return end
    if held then
      for i = 1, #fields do held = held - size(fields[i]) end
    end
    entries = entries - call('HDEL', values, unpack(fields))
  end

  -- Removes at most `number` values without a score, of some `looks` from `cursor` on; gives the next cursor.
  local function sweep(cursor, number, looks)
    local page = call('HSCAN', values, cursor, 'COUNT', looks)
    local fields = {}
    for i = 1, #page[2], 2 do
      local field = page[2][i]
      if #fields < number and field ~= 'b' and field ~= spared and not call('ZSCORE', scores, field) then
        fields[#fields + 1] = field
      end
    end
    drop(fields)
    budget = budget - looks
    return page[1]
  end

  -- Removes scores without a value, of some `looks` from `cursor` on: what the server has forgotten, and others have taken.
  local function bury(cursor, looks)
    local page = call('ZSCAN', scores, cursor, 'COUNT', looks)
    local fields = {}
    for i = 1, #page[2], 2 do
      if #fields < 1000 and call('HEXISTS', values, page[2][i]) == 0 then fields[#fields + 1] = page[2][i] end
    end
    if #fields > 0 then ranked = ranked - call('ZREM', scores, unpack(fields)) end
  end

  -- Where a search for halves of entries begins is chance, so that none of them is out of reach.
  local cursor
  local searches = 0
  while budget > 0 do
    local there = math.max(ranked, entries)
    local over = most >= 0 and there + own - most or 0
    if over <= 0 then
      if not held or held + bytes <= weight or there == 0 then return end
      over = 1
    end
    over = math.min(over, budget, 1000)
    if ranked <= 0 then
      cursor = sweep(cursor or call('TIME')[2], over, 100)
    elseif ranked ~= entries and searches < 2 then
      cursor = cursor or call('TIME')[2]
      local looks = math.min(10 * over, 1000)
      if ranked > entries then
        bury(cursor, looks)
        searches = 2
      else
        cursor = sweep(cursor, over, looks)
        -- What began near the end has seen little, and goes on at the beginning.
        searches = cursor == '0' and searches + 1 or 2
      end
    else
      -- Without their scores: to write those down would cost as much as all the rest.
      local first, last = 0, over - 1
      if leaves == 'h' then first, last = -over, -1 end
      local popped, fields = call('ZRANGE', scores, first, last), {}
      call('ZREMRANGEBYRANK', scores, first, last)
      for i = 1, #popped do
        -- The score of the entry that comes is its old one, and not among those that were counted.
        if popped[i] ~= spared then fields[#fields + 1] = popped[i] end
      end
      ranked, budget = #popped > 0 and ranked - #fields or 0, budget - #fields
      drop(fields)
    end
  end
end
