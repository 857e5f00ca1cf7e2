-- +goose Up
-- Device authorizations that are under way. status is 0 pending, 1 approved, 2 denied, 3 spent. They live for minutes, so the table is small and has
-- no index for users and clients.
CREATE TABLE IF NOT EXISTS {prefix}devices (
	grant_id    BLOB PRIMARY KEY,
	digest      BLOB NOT NULL,
	user_code   BLOB NOT NULL UNIQUE,
	client_id   TEXT NOT NULL,
	user_id     TEXT NOT NULL,
	scope       TEXT NOT NULL,
	resources   TEXT NOT NULL,
	status      INTEGER NOT NULL DEFAULT 0,
	issued_at   INTEGER NOT NULL,
	expires_at  INTEGER NOT NULL,
	keep_until  INTEGER NOT NULL,
	interval_ms INTEGER NOT NULL,
	polled_at   INTEGER
);
CREATE INDEX IF NOT EXISTS {prefix}devices_keep ON {prefix}devices (keep_until);
