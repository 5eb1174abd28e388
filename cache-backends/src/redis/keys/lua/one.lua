-- One entry of the commonest kind: newest stay, no bytes, times or plain form to be thought of, and both keys as they should
-- be. All that follows is for what is not so, and so much that to begin with it costs a third of this. Nothing is written
-- here before it is known that this is enough, but for a value that can be written again.
if
  #ARGV == 12 and #KEYS == 2 and ARGV[4] == 'nlt' and ARGV[2] == '-1' and ARGV[5] == '0' and ARGV[8] ~= '0'
  and (ARGV[7] == '0' or ARGV[11] == '0')
then
  local call, scores, values, most, field = redis.call, KEYS[1], KEYS[2], tonumber(ARGV[1]), ARGV[9]
  local ranked = redis.pcall('ZCARD', scores)
  if type(ranked) == 'number' and ranked <= most and most > 1 and ranked == redis.pcall('HLEN', values) then
    local added = redis.pcall('HSET', values, field, ARGV[10])
    if type(added) == 'number' then
      -- A score without a value makes no room.
      local gone = 1
      if added == 1 and ranked == most then
        local popped = call('ZPOPMIN', scores)[1]
        if popped == field then popped = call('ZPOPMIN', scores)[1] end
        gone = call('HDEL', values, popped)
      end
      if gone == 1 then
        call('ZADD', scores, ARGV[8], field)
        return 0
      end
    end
  end
end

