-- RevokeAccessToken removes the access half. The refresh half has a record of its
-- own. A grant that never had a refresh token has nothing left to use then, and is
-- not listed any more.
-- KEYS[1] the grant
-- ARGV    access digest
local grant, access = KEYS[1], ARGV[1]

if redis.call('HDEL', grant, 'a' .. access) == 1 and redis.call('HEXISTS', grant, 'w') == 1 then
  redis.call('HDEL', grant, 'g')
end
return 'ok'
