-- +goose Up
-- Rate limits. id is the SHA-256 of the key. until, in nanoseconds, changes with each event. keep_until, in milliseconds, is the end of the hour in
-- which the key will have been idle for certain, so that the index seldom changes.
CREATE TABLE IF NOT EXISTS {prefix}limits (
	id         BINARY(32) PRIMARY KEY,
	until      BIGINT NOT NULL,
	keep_until BIGINT NOT NULL,
	INDEX {prefix}limits_keep (keep_until)
) ENGINE = InnoDB;
