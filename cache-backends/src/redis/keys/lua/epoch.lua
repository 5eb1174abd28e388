-- The run of this server: another after each start and at each server, so also after a fail-over. A server that does not say
-- has one run for ever.
local named
local function run()
  if not named then
    local told = redis.pcall('INFO', 'server')
    named = type(told) == 'string' and string.match(told, 'run_id:(%w+)') or ''
  end
  return named
end

-- The epoch of the tags under `key`; false if it is over: there is none, or another run noted it, whose last invalidations
-- may have been lost on the way to a replica or to the disk. A table is an error.
local function epoch(key)
  local known = redis.pcall('HMGET', key, 'e', 'r')
  if known.err then
    if not string.find(known.err, 'WRONGTYPE', 1, true) then return known end
    redis.call('UNLINK', key)
    return false
  end
  return known[2] == run() and known[1]
end
