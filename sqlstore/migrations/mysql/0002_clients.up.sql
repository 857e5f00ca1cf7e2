-- +goose Up
-- Registered clients. data is a JSON object with all that is known of the client, and of
-- its secrets the digests. revision begins anywhere and counts the changes.
CREATE TABLE IF NOT EXISTS {prefix}clients (
	id         VARBINARY(255) PRIMARY KEY,
	revision   BIGINT NOT NULL,
	data       MEDIUMBLOB NOT NULL,
	expires_at BIGINT, -- of a client that registered itself and was not used yet
	INDEX {prefix}clients_expires (expires_at)
) ENGINE = InnoDB;
