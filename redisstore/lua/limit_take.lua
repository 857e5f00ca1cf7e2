-- Take counts events by GCRA: one time per key, up to which events were let through.
-- KEYS[1] the limit
-- ARGV    now, n, interval, burst; times in microseconds, of which a double holds
--         every one until the year 2255
local limit = KEYS[1]
local now, n, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local ahead = burst * interval
local taken_until = tonumber(redis.call('GET', limit) or now)
if taken_until < now or taken_until > now + ahead then
  taken_until = now -- over, or a clock went back
end
local wait = taken_until + math.max(n, 1) * interval - now - ahead
if wait > 0 then
  return wait
end
if n > 0 then
  taken_until = taken_until + n * interval
  -- A second longer, for an instance whose clock is a little behind.
  local ttl = math.ceil((taken_until - now) / 1000) + 1000
  redis.call('SET', limit, string.format('%.0f', taken_until), 'PX', string.format('%.0f', ttl))
end
return 0
