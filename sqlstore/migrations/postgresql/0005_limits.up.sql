-- +goose Up
-- Rate limits. id is the SHA-256 of the key. until, in nanoseconds, changes with each event. keep_until, in milliseconds, is the end of the hour in
-- which the key will have been idle for certain, so that the index seldom changes. What is counted need not survive a crash, so it waits for no disk.
CREATE UNLOGGED TABLE IF NOT EXISTS {prefix}limits (
	id         BYTEA PRIMARY KEY,
	until      BIGINT NOT NULL,
	keep_until BIGINT NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS {prefix}limits_keep ON {prefix}limits (keep_until);
