-- RevokeGrant marks an open grant and removes all that it held. What is done to it
-- later sees the mark, which stays for as long as the grant would have. The device
-- code that it came from stays too, so that its replay is recognised.
-- KEYS[1] the grant
-- ARGV    nothing
local grant = KEYS[1]

local found = redis.call('HMGET', grant, 'o', 'r')
if not found[1] then
  return 'not found'
elseif found[2] then
  return 'revoked'
end

redis.call('HSET', grant, 'r', '1')
for _, field in ipairs(redis.call('HKEYS', grant)) do
  if field ~= 'o' and field ~= 'r' and string.sub(field, 1, 1) ~= 'd' then
    redis.call('HDEL', grant, field)
  end
end
return 'ok'
