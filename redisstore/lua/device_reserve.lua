-- SaveDeviceCode takes the user code first. Whoever finds it taken gets what stands
-- there, and with that can finish the save.
-- KEYS[1] the user code
-- ARGV    reservation, issued at, ttl. A reservation is: a random name (16 bytes), the
--         retention, a space, all that is to be saved
local user_code = KEYS[1]
local reservation, issued, ttl = unpack(ARGV)

local held = redis.call('GET', user_code)
if held and tonumber(retention(held, 17)) > tonumber(issued) then
  return held
end

redis.call('SET', user_code, reservation, 'PX', ttl)
return 'ok'
