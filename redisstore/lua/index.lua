-- Notes a member in an index, in a cluster, before the grant itself is written.
-- KEYS[1] the index
-- ARGV    member, ttl of the entry
index(KEYS[1], ARGV[1], ARGV[2])
return 'ok'
