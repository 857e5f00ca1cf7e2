-- RedeemAuthorizationCode spends the code and saves a token, or only spends it.
-- KEYS[1] the grant, KEYS[2…] indexes
-- ARGV    code digest, and with a token: index member, index ttl, ttl, live until,
--         info, access digest, refresh digest or empty, token record
local grant = KEYS[1]
local digest, member, index_ttl, ttl, live, info, access, refresh, record = unpack(ARGV)

local found = redis.call('HMGET', grant, 'o', 'l', 'c', 'x')
local opened, live_before, code, spent = unpack(found, 1, 4)
if opened and not live_before then
  return 'revoked'
elseif not code or string.sub(code, 1, 32) ~= digest then
  return 'not found'
elseif spent then
  return 'spent'
elseif record and taken(grant, access, refresh) then
  return 'duplicate'
end

if not record then
  redis.call('HSET', grant, 'x', '1', 'l', '0')
  return 'ok'
end
index_all(member, index_ttl)
redis.call('HSET', grant, 'x', '1', 'l', live, 'g', info)
put_first(grant, access, refresh, record)
keep(grant, ttl)
return 'ok'
