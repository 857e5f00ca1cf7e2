-- AddConsent adds a scope to what a user allowed a client for a resource. All that a
-- user allowed is one hash; a value is: given at, expires at, scope.
-- KEYS[1] the consents of the user, KEYS[2…] index
-- ARGV    index member, index ttl, ttl, field, given at, expires at, scope, up to when
--         what had expired may go
local consents = KEYS[1]
local member, index_ttl, ttl, field, given, expires, scope, passed = unpack(ARGV)

local function parse(value)
  return string.match(value, '^%-?%d+ (%-?%d+) (.*)$')
end

local before = redis.call('HGET', consents, field)
if before then
  local expired, allowed = parse(before)
  if tonumber(given) < tonumber(expired) then
    local has = {}
    for word in string.gmatch(allowed, '%S+') do
      has[word] = true
    end
    for word in string.gmatch(scope, '%S+') do
      if not has[word] then
        has[word] = true
        allowed = allowed == '' and word or allowed .. ' ' .. word
      end
    end
    scope = allowed
  end
end

index_all(member, index_ttl)
redis.call('HSET', consents, field, given .. ' ' .. expires .. ' ' .. scope)
keep(consents, ttl)
-- What has expired goes now. A user has few applications.
local all = redis.call('HGETALL', consents)
for i = 1, #all, 2 do
  if all[i] ~= field and tonumber((parse(all[i + 1]))) <= tonumber(passed) then
    redis.call('HDEL', consents, all[i])
  end
end
return 'ok'
