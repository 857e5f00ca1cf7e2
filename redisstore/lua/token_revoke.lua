-- RevokeAccessToken removes the access half. If the refresh half is spent, its record
-- was there, and moves. A grant that never had a refresh token has nothing left to use
-- then, and is not listed any more.
-- KEYS[1] the grant
-- ARGV    access digest
local grant, access = KEYS[1], ARGV[1]

local record = redis.call('HGET', grant, 'a' .. access)
if not record then
  return 'ok'
end

-- Behind the retention come a space, the version (1 byte) and the refresh digest.
local _, before = string.find(record, '^%-?%d+ .', 33)
local refresh = string.sub(record, before + 1, before + 32)
-- It is removed first: when its memory is full, Redis takes no script that begins by
-- writing more.
redis.call('HDEL', grant, 'a' .. access)
if redis.call('HEXISTS', grant, 's' .. refresh) == 1 then
  redis.call('HSET', grant, 'f' .. refresh, record)
end
if redis.call('HEXISTS', grant, 'w') == 1 then
  redis.call('HDEL', grant, 'g')
end
return 'ok'
