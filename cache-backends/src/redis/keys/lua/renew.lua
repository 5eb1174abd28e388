-- Gives whoever has the token ARGV[1] another ARGV[2] milliseconds, if KEYS[1] is still theirs.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
