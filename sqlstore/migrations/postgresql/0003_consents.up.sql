-- +goose Up
-- What users allowed clients. id is the SHA-256 of user, client and resource, which may be too long for a key.
CREATE TABLE IF NOT EXISTS {prefix}consents (
	id         BYTEA PRIMARY KEY,
	user_id    TEXT COLLATE "C" NOT NULL,
	client_id  TEXT COLLATE "C" NOT NULL,
	resource   TEXT COLLATE "C" NOT NULL, -- empty: the server's own
	scope      TEXT COLLATE "C" NOT NULL,
	given_at   BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS {prefix}consents_user ON {prefix}consents (user_id, client_id);
CREATE INDEX IF NOT EXISTS {prefix}consents_client ON {prefix}consents (client_id);
CREATE INDEX IF NOT EXISTS {prefix}consents_expires ON {prefix}consents (expires_at);
