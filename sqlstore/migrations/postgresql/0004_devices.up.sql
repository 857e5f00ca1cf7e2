-- +goose Up
-- Device authorizations that are under way. status is 0 pending, 1 approved, 2 denied, 3 spent. They live for minutes, so the table is small and has
-- no index for users and clients.
CREATE TABLE IF NOT EXISTS {prefix}devices (
	grant_id    BYTEA PRIMARY KEY,
	digest      BYTEA NOT NULL,
	user_code   BYTEA NOT NULL UNIQUE,
	client_id   TEXT COLLATE "C" NOT NULL,
	user_id     TEXT COLLATE "C" NOT NULL,
	scope       TEXT COLLATE "C" NOT NULL,
	resources   TEXT COLLATE "C" NOT NULL,
	status      SMALLINT NOT NULL DEFAULT 0,
	issued_at   BIGINT NOT NULL,
	expires_at  BIGINT NOT NULL,
	keep_until  BIGINT NOT NULL,
	interval_ms BIGINT NOT NULL,
	polled_at   BIGINT
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS {prefix}devices_keep ON {prefix}devices (keep_until);
