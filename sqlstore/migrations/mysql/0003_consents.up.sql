-- +goose Up
-- What users allowed clients. id is the SHA-256 of user, client and resource, which may be too long for a key.
CREATE TABLE IF NOT EXISTS {prefix}consents (
	id         BINARY(32) PRIMARY KEY,
	user_id    VARBINARY(2048) NOT NULL,
	client_id  VARBINARY(255) NOT NULL,
	resource   BLOB NOT NULL, -- empty: the server's own
	scope      BLOB NOT NULL,
	given_at   BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	INDEX {prefix}consents_user (user_id, client_id),
	INDEX {prefix}consents_client (client_id),
	INDEX {prefix}consents_expires (expires_at)
) ENGINE = InnoDB;
