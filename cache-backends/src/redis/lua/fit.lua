
-- Adapts a space to its bounds, 10,000 entries at most. Gives 1 if there are more to leave, else 0, and the time.
--
-- Scores of another policy: those that look older than all leave first, and that is well. Those that look younger than
-- anything can be would never leave; without a score they leave first.
local limits = { c = 1000000000000, r = 1, n = 9007199254740991 }
local top = redis.call('ZREVRANGE', scores, 0, 0, 'WITHSCORES')[2]
if top and tonumber(top) >= limits[rule] then
  redis.call('UNLINK', scores)
  ranked = 0
end
if not held then entries = entries - redis.call('HDEL', values, 'b') end
make_room(0, 0, '')
account()
local time = redis.call('TIME')
local highest = redis.call('ZREVRANGE', scores, 0, 0, 'WITHSCORES')[2] or '0'
return { budget > 0 and 0 or 1, string.format('%.0f', math.max(time[1] * 1000000 + time[2], tonumber(highest))) }
