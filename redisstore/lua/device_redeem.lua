-- RedeemDeviceCode spends an approved code and opens its grant with a token.
-- KEYS[1] the grant, KEYS[2…] indexes
-- ARGV    digest, index member, index ttl, ttl, opened at, live until, info, access
--         digest, refresh digest or empty, token record
local grant = KEYS[1]
local digest, member, index_ttl, ttl, opened, live, info, access, refresh, record = unpack(ARGV)

local found = redis.call('HMGET', grant, 'd', 'ds', 'o')
local code, status, open = found[1], found[2], found[3]
if not code or string.sub(code, 1, 32) ~= digest then
  return 'not found'
elseif status == '3' then
  return 'spent'
elseif status ~= '1' then
  return 'not found'
elseif open then
  return 'exists'
end

index_all(member, index_ttl)
redis.call('HSET', grant, 'ds', '3', 'o', opened, 'l', live, 'g', info)
put_first(grant, access, refresh, record)
keep(grant, ttl)
return 'ok'
