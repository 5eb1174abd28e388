-- What is known of the tags whose fields are in ARGV from 2 on: the epoch, the clock, and a number for each. If nothing is
-- known of any, the epoch begins that ARGV[1] is the name of.
local key = KEYS[1]
local known = redis.pcall('HGET', key, 'e')
if type(known) == 'table' then
  if not string.find(known.err, 'WRONGTYPE', 1, true) then return known end
  redis.call('UNLINK', key)
  known = false
end
if not known then
  redis.call('HSET', key, 'e', ARGV[1])
end
local fields = { 'e', 'c' }
local found = {}
for i = 2, #ARGV do fields[#fields + 1] = ARGV[i] end
for i = 1, #fields, 1000 do
  local part = redis.call('HMGET', key, unpack(fields, i, math.min(i + 999, #fields)))
  for k = 1, #part do found[#found + 1] = part[k] end
end
return found
