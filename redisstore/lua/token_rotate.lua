-- RotateRefreshToken spends a refresh token and saves its successor.
-- KEYS[1] the grant
-- ARGV    refresh digest, seed, now, up to when what had to be kept may go, ttl,
--         live until, info, and of the successor: access digest, refresh digest or
--         empty, token record
local grant = KEYS[1]
local presented, seed, now, passed, ttl, live, info, access, refresh, record = unpack(ARGV)

local found = redis.call('HMGET', grant, 'o', 'l', 'f' .. presented, 's' .. presented, 'h', 'c', 'd')
local opened, live_before, token, spent, oldest, code, device = unpack(found, 1, 7)
if opened and not live_before then
  return 'revoked'
elseif spent then
  return 'spent'
elseif not token then
  return 'not found'
elseif taken(grant, access, refresh) then
  return 'duplicate'
end

if tonumber(live_before) > tonumber(live) then
  live = live_before
end
local successor = refresh ~= '' and refresh or string.rep('\0', 32)
redis.call('HSET', grant,
  's' .. presented, string.sub(token, 1, 32) .. successor .. retention(token, 33) .. ' ' .. now,
  'e', seed .. presented, 'l', live, 'g', info)
if redis.call('HEXISTS', grant, 'a' .. string.sub(token, 1, 32)) == 1 then
  redis.call('HDEL', grant, 'f' .. presented) -- the record is there too, and once is enough
end
put(grant, access, refresh, record)
keep(grant, ttl)

-- A family that is refreshed for months would pile up spent tokens. Each mark names
-- the token after it, so the oldest can be dropped one by one as their time has
-- passed: a few now, and more than come. The token just spent stays.
passed = tonumber(passed)
local first = oldest
for _ = 1, 4 do
  if not oldest or oldest == presented then
    break
  end
  local mark = redis.call('HGET', grant, 's' .. oldest)
  if not mark or tonumber(retention(mark, 65)) > passed then
    break
  end
  redis.call('HDEL', grant, 'a' .. string.sub(mark, 1, 32), 'f' .. oldest, 's' .. oldest)
  oldest = string.sub(mark, 33, 64)
end
if oldest ~= first then
  redis.call('HSET', grant, 'h', oldest)
end
if code and tonumber(retention(code, 33)) <= passed then
  redis.call('HDEL', grant, 'c', 'x')
end
if device and tonumber(retention(device, 33)) <= passed then
  redis.call('HDEL', grant, 'd', 'dn', 'dl', 'ds', 'du', 'dc', 'di', 'dp')
end
return 'ok'
