
-- Lets go of KEYS[1] if it belongs to the token ARGV[1], and says so in the channel ARGV[2], in the way ARGV[3].
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
-- Where it may not be said, others look by themselves when the time is over.
tell(ARGV[2], '', ARGV[3])
return 1
