-- RevokeDeviceCodes denies a code that was approved, if it is of this client and was
-- approved by this user. Empty stands for any.
-- KEYS[1] the grant
-- ARGV    client, user
local grant, client, user = KEYS[1], ARGV[1], ARGV[2]

local found = redis.call('HMGET', grant, 'ds', 'dl', 'du')
if found[1] ~= '1' or client ~= '' and found[2] ~= client or user ~= '' and found[3] ~= user then
  return 'other'
end

redis.call('HDEL', grant, 'ds')
return 'ok'
