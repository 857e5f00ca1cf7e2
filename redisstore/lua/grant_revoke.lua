-- RevokeGrant removes all that an open grant held, first of all that it is in use.
-- That it was opened stays for as long as the grant would have, so that whatever is
-- done to it later finds it revoked. The device code that it came from stays too, so
-- that its replay is recognised.
-- KEYS[1] the grant
-- ARGV    nothing
local grant = KEYS[1]

local found = redis.call('HMGET', grant, 'o', 'l')
if not found[1] then
  return 'not found'
elseif not found[2] then
  return 'revoked'
end

redis.call('HDEL', grant, 'l')
for _, field in ipairs(redis.call('HKEYS', grant)) do
  if field ~= 'o' and string.sub(field, 1, 1) ~= 'd' then
    redis.call('HDEL', grant, field)
  end
end
return 'ok'
