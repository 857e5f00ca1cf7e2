-- UpdateClient replaces a client if it is still as it was read. Also DeleteClient
-- and others may have come between.
-- KEYS[1] the client
-- ARGV    the record as it was read, the new one, its ttl or 0 for none
local client = KEYS[1]
local before, after, ttl = unpack(ARGV)

if redis.call('GET', client) ~= before then
  return 'changed'
end

if ttl == '0' then
  redis.call('SET', client, after)
else
  redis.call('SET', client, after, 'PX', ttl)
end
return 'ok'
