-- SaveDeviceCode saves the code in the hash of the grant that it may open one day.
-- Its fields there:
--   d   the code: its digest (32 bytes), its retention, a space, the record
--   dn  the random name of the reservation that it was saved with
--   dl  the client
--   ds  the status: 0 pending, 1 approved, 2 denied, 3 spent; a code that was revoked,
--       and so is denied, has none
--   du  who decided, or empty
--   dc  the scope
--   di  the interval between two polls, in milliseconds
--   dp  when it was last polled, or empty
-- Running it twice with one name is running it once.
-- KEYS[1] the grant
-- ARGV    name, issued at, ttl, record, client, scope, interval
local grant = KEYS[1]
local name, issued, ttl, record, client, scope, interval = unpack(ARGV)

local found = redis.call('HMGET', grant, 'dn', 'o', 'd')
local saved, opened, other = found[1], found[2], found[3]
if saved == name then
  return 'ok'
elseif opened or other and tonumber(retention(other, 33)) > tonumber(issued) then
  return 'exists'
end

redis.call('HSET', grant, 'd', record, 'dn', name, 'dl', client, 'ds', '0',
  'du', '', 'dc', scope, 'di', interval, 'dp', '')
keep(grant, ttl)
return 'ok'
