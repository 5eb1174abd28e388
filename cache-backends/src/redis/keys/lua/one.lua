-- One entry of the commonest kind: newest stay, no bytes, times, loans or plain form to be thought of, and both keys as they should
-- be. All that follows is for what is not so, and so much that to begin with it costs a third of this. Nothing is written
-- here before it is known that this is enough, but for a value that can be written again.
local fresh = false
if #ARGV == 5 then
  local call, scores, values, moment, field = redis.call, KEYS[1], KEYS[2], ARGV[3], ARGV[4]
  local added = redis.pcall('HSET', values, field, ARGV[5])
  if added == 0 then
    -- Neither is more than it was, unless the value had no score.
    if redis.pcall('ZADD', scores, moment, field) == 0 and call('HLEN', values) <= tonumber(ARGV[1]) then return 0 end
  elseif added == 1 then
    fresh = true
    local most, ranked, entries = tonumber(ARGV[1]), redis.pcall('ZCARD', scores), call('HLEN', values)
    if ranked == entries - 1 and ranked <= most and not KEYS[3] then
      -- A score without a value makes no room.
      local gone = 1
      if ranked == most then
        local popped = call('ZPOPMIN', scores)[1]
        if popped == field then popped = call('ZPOPMIN', scores)[1] end
        gone = call('HDEL', values, popped)
      end
      if gone == 1 then
        call('ZADD', scores, moment, field)
        return 0
      end
    end
  end
end

