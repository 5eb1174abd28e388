
-- ARGV: the channel, the sender, how. KEYS: one in the slot of the channel.
return tell(ARGV[1], ARGV[2], ARGV[3]) or 1
