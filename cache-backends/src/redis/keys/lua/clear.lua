
-- Removes a tracked space, and tells. ARGV: the channel, the sender, how to tell (`s` or `p`). Gives 1 if there may be
-- plain entries too.
local scores, values, plain = KEYS[1], KEYS[2], KEYS[3]
redis.call('UNLINK', scores, values)
return tell(ARGV[1], ARGV[2], ARGV[3]) or redis.call('EXISTS', plain)
