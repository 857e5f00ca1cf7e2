-- DeleteConsents forgets what a user allowed one client.
-- KEYS[1] the consents of the user
-- ARGV    what the fields of the client begin with
local consents, prefix = KEYS[1], ARGV[1]

for _, field in ipairs(redis.call('HKEYS', consents)) do
  if string.sub(field, 1, #prefix) == prefix then
    redis.call('HDEL', consents, field)
  end
end
return 'ok'
