-- SaveAuthorizationCode opens a grant with a code.
-- KEYS[1] the grant, KEYS[2…] indexes
-- ARGV    index member, index ttl, ttl, opened at, live until, info, code record
local grant = KEYS[1]
local member, index_ttl, ttl, opened, live, info, code = unpack(ARGV)

if redis.call('HEXISTS', grant, 'o') == 1 then
  return 'exists'
end

index_all(member, index_ttl)
redis.call('HSET', grant, 'o', opened, 'l', live, 'g', info, 'c', code)
keep(grant, ttl)
return 'ok'
