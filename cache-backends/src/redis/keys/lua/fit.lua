
-- Adapts a space to its bounds, 10,000 entries at most. Gives 1 if there are more to leave, else 0; the latest moment; and 1
-- if there may be entries in the plain form, of which KEYS[3] tells.
--
-- Scores of another policy: those that look older than all leave first, and that is well. Those that look younger than
-- anything can be would never leave; without a score they leave first.
local limits = { c = 1000000000000, r = 1, n = 9007199254740991 }
local highest = tonumber(call('ZREVRANGE', scores, 0, 0, 'WITHSCORES')[2] or '0')
if highest >= limits[rule] then
  call('UNLINK', scores)
  ranked, highest = 0, 0
end
if not held then entries = entries - call('HDEL', values, 'b') end
make_room(0, 0, '')
if held then account() end
local time = call('TIME')
return { budget > 0 and 0 or 1, math.max(time[1] * 1000000 + time[2], highest), call('EXISTS', KEYS[3]) }
