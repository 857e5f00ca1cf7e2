-- PollDeviceCode notes a poll and returns the code as it is afterwards: an outcome,
-- whether it came too soon, and the fields. A poll of another client is not noted.
-- KEYS[1] the grant
-- ARGV    digest, client, now, by how much a poll that came too soon slows down
local grant = KEYS[1]
local digest, client, now, slow_down = unpack(ARGV)

local found = redis.call('HMGET', grant, 'd', 'dl', 'di', 'dp')
local record, owner, interval, polled = unpack(found, 1, 4)
if not record or string.sub(record, 1, 32) ~= digest then
  return { 'not found' }
end

local too_soon = '0'
if owner == client then
  if polled ~= '' and tonumber(now) - tonumber(polled) < tonumber(interval) then
    too_soon = '1'
    interval = string.format('%.0f', tonumber(interval) + tonumber(slow_down))
  end
  redis.call('HSET', grant, 'di', interval, 'dp', now)
end
return { 'ok', too_soon, unpack(redis.call('HMGET', grant, 'd', 'ds', 'du', 'dc', 'di', 'dp')) }
