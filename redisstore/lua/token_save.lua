-- SaveToken opens a grant with a token that was issued from nothing.
-- KEYS[1] the grant, KEYS[2…] indexes
-- ARGV    index member, index ttl, ttl, opened at, live until, info, access digest,
--         refresh digest or empty, token record
local grant = KEYS[1]
local member, index_ttl, ttl, opened, live, info, access, refresh, record = unpack(ARGV)

if redis.call('HEXISTS', grant, 'o') == 1 then
  return 'exists'
end

index_all(member, index_ttl)
redis.call('HSET', grant, 'o', opened, 'l', live, 'g', info)
put_first(grant, access, refresh, record)
keep(grant, ttl)
return 'ok'
