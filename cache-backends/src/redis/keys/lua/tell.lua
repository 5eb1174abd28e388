-- Tells of a removal, how: `s` by SPUBLISH if there is such a command, else by PUBLISH. Gives an error, if any: who was not
-- told may believe what was removed.
local function tell(channel, sender, how)
  local told = how == 's' and redis.pcall('SPUBLISH', channel, sender) or nil
  if type(told) ~= 'number' then told = redis.pcall('PUBLISH', channel, sender) end
  return type(told) ~= 'number' and told or nil
end
