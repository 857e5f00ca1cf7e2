-- Gives a user code back whose record could not be saved.
-- KEYS[1] the user code
-- ARGV    the reservation
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 'ok'
