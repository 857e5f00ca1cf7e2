-- DecideDeviceCode sets what the user decided on a pending code.
-- KEYS[1] the grant, KEYS[2…] indexes
-- ARGV    digest, index member, index ttl, status, user, scope
local grant = KEYS[1]
local digest, member, index_ttl, status, user, scope = unpack(ARGV)

local found = redis.call('HMGET', grant, 'd', 'ds')
if not found[1] or string.sub(found[1], 1, 32) ~= digest then
  return 'not found'
elseif found[2] ~= '0' then
  return 'spent'
end

index_all(member, index_ttl)
redis.call('HSET', grant, 'ds', status, 'du', user, 'dc', scope)
return 'ok'
