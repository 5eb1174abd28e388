-- What is known of the tags whose fields are in ARGV from 2 on: the epoch, the clock, and a number for each. If nothing is
-- known of any, or may have been lost, the epoch begins that ARGV[1] is the name of.
local key = KEYS[1]
local known = epoch(key)
if type(known) == 'table' then return known end
if not known then
  redis.call('HSET', key, 'e', ARGV[1], 'r', run())
end
local fields = { 'e', 'c' }
local found = {}
for i = 2, #ARGV do fields[#fields + 1] = ARGV[i] end
for i = 1, #fields, 1000 do
  local part = redis.call('HMGET', key, unpack(fields, i, math.min(i + 999, #fields)))
  for k = 1, #part do found[#found + 1] = part[k] end
end
return found
