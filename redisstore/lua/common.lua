-- What the other scripts share. It stands before each of them.
--
-- A grant is one hash. Its fields:
--   o  when the grant was opened; it is there if and only if the grant is
--   l  until when something in the grant can be used; a revoked grant has none
--   g  what a list of grants shows (written and read by Go)
--   w  "1" if the grant never had a refresh token
--   c  the code: its digest (32 bytes), its retention, a space, the record
--   x  "1" once the code was spent
--   a<digest>  a token by its access half: access digest (32), retention, space, record
--   f<digest>  the same by its refresh half, until that is spent; then only if the
--              access half was revoked
--   s<digest>  what is left of a spent refresh token: the access digest of its pair,
--              where the record is (32), the refresh digest of its successor (32), its
--              retention, space, spent at
--   e  the one seed (32) and the refresh token that it was spent on (32)
--   h  the refresh digest of the oldest pair that is still there
--   d… the device code, see device_save.lua
--
-- To revoke is to remove: l, and with it all but o and the device code. Redis removes
-- also when its memory is full, and would not set a mark then.
--
-- Times are decimal milliseconds. They are compared as numbers, which are exact up
-- to 2^53, and written as the strings they came as.

-- keep makes a key live for at least ttl milliseconds more. It never shortens.
local function keep(key, ttl)
  if redis.call('PTTL', key) < tonumber(ttl) then
    redis.call('PEXPIRE', key, ttl)
  end
end

-- index notes a member in a sorted set, scored by when it may be forgotten in this
-- server's own time, and forgets a few that may be: more than it adds.
local function index(key, member, ttl)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, 4)) do
    redis.call('ZREM', key, old)
  end
  local score = redis.call('ZSCORE', key, member)
  if not score or tonumber(score) < now + tonumber(ttl) then
    redis.call('ZADD', key, string.format('%.0f', now + tonumber(ttl)), member)
  end
  keep(key, ttl)
end

-- index_all does it for every key after the first. Only a server without slots is
-- given such keys; in a cluster they were written before, one by one.
local function index_all(member, ttl)
  for i = 2, #KEYS do
    index(KEYS[i], member, ttl)
  end
end

-- retention reads the number at a position of a record.
local function retention(record, from)
  return string.match(record, '^%-?%d+', from)
end

-- taken reports whether a half of a token is in the grant already.
local function taken(grant, access, refresh)
  local found = redis.call('HMGET', grant, 'a' .. access, 'f' .. refresh, 's' .. refresh)
  return found[1] or found[2] or found[3]
end

-- put saves a token under both halves; refresh is empty if there is none.
local function put(grant, access, refresh, record)
  redis.call('HSET', grant, 'a' .. access, record)
  if refresh ~= '' then
    redis.call('HSET', grant, 'f' .. refresh, record)
  end
end

-- put_first does it for the first token of a grant.
local function put_first(grant, access, refresh, record)
  put(grant, access, refresh, record)
  if refresh ~= '' then
    redis.call('HSET', grant, 'h', refresh)
  else
    redis.call('HSET', grant, 'w', '1')
  end
end
