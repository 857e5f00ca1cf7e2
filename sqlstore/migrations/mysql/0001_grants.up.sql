-- +goose Up
-- Grants with their authorization codes and tokens. Times are milliseconds since 1970, UTC. No column holds a code or token: digest, access and
-- refresh are SHA-256.

-- A grant is one act of authorization. Its row is what is locked, what is revoked, and what lists show. It stays until keep_until.
CREATE TABLE IF NOT EXISTS {prefix}grants (
	id           BINARY(16) PRIMARY KEY,
	client_id    VARBINARY(255) NOT NULL,
	user_id      VARBINARY(2048) NOT NULL, -- empty: the client acts for itself
	scope        BLOB NOT NULL,
	resources    BLOB NOT NULL,
	issued_at    BIGINT NOT NULL,
	last_used_at BIGINT, -- NULL while there is only a code
	expires_at   BIGINT NOT NULL,
	live_until   BIGINT NOT NULL, -- when the last of what can be used expires
	keep_until   BIGINT NOT NULL,
	revoked      BOOLEAN NOT NULL DEFAULT FALSE,
	seed         BINARY(32), -- of the latest rotation
	seed_of      BINARY(32), -- the refresh token that was spent by it
	-- A user's and a client's grants, newest last. Grants of machines are in the second only.
	INDEX {prefix}grants_user (user_id, issued_at),
	INDEX {prefix}grants_client (client_id, issued_at),
	-- For the sweep, as in the other tables.
	INDEX {prefix}grants_keep (keep_until)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}codes (
	grant_id          BINARY(16) PRIMARY KEY,
	digest            BINARY(32) NOT NULL,
	client_id         VARBINARY(255) NOT NULL,
	user_id           VARBINARY(2048) NOT NULL,
	scope             BLOB NOT NULL,
	resources         BLOB NOT NULL,
	redirect_uri      BLOB NOT NULL,
	redirect_uri_sent BOOLEAN NOT NULL,
	challenge         BINARY(32),
	issued_at         BIGINT NOT NULL,
	expires_at        BIGINT NOT NULL,
	keep_until        BIGINT NOT NULL,
	spent             BOOLEAN NOT NULL DEFAULT FALSE,
	INDEX {prefix}codes_keep (keep_until)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS {prefix}tokens (
	grant_id           BINARY(16) NOT NULL,
	access             BINARY(32) NOT NULL,
	refresh            BINARY(32),
	client_id          VARBINARY(255) NOT NULL,
	user_id            VARBINARY(2048) NOT NULL,
	scope              BLOB NOT NULL,
	grant_scope        BLOB NOT NULL,
	resources          BLOB NOT NULL,
	grant_resources    BLOB NOT NULL,
	issued_at          BIGINT NOT NULL,
	access_expires_at  BIGINT NOT NULL,
	refresh_expires_at BIGINT,
	grant_expires_at   BIGINT NOT NULL,
	keep_until         BIGINT NOT NULL,
	access_revoked     BOOLEAN NOT NULL DEFAULT FALSE,
	spent_at           BIGINT, -- of the refresh token
	extra              MEDIUMBLOB,
	PRIMARY KEY (grant_id, access),
	-- A family that is refreshed often has many spent tokens.
	INDEX {prefix}tokens_refresh (grant_id, refresh),
	INDEX {prefix}tokens_keep (keep_until)
) ENGINE = InnoDB;
