-- +goose Up
-- Device authorizations that are under way. status is 0 pending, 1 approved, 2 denied, 3 spent. They live for minutes, so the table is small and has
-- no index for users and clients.
CREATE TABLE IF NOT EXISTS {prefix}devices (
	grant_id    BINARY(16) PRIMARY KEY,
	digest      BINARY(32) NOT NULL,
	user_code   BINARY(32) NOT NULL UNIQUE,
	client_id   VARBINARY(255) NOT NULL,
	user_id     VARBINARY(2048) NOT NULL,
	scope       BLOB NOT NULL,
	resources   BLOB NOT NULL,
	status      SMALLINT NOT NULL DEFAULT 0,
	issued_at   BIGINT NOT NULL,
	expires_at  BIGINT NOT NULL,
	keep_until  BIGINT NOT NULL,
	interval_ms BIGINT NOT NULL,
	polled_at   BIGINT,
	INDEX {prefix}devices_keep (keep_until)
) ENGINE = InnoDB;
