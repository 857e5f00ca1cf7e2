-- +goose Up
-- Grants with their authorization codes and tokens. Times are milliseconds since 1970, UTC. No column holds a code or token: digest, access and
-- refresh are SHA-256.

-- A grant is one act of authorization. Its row is what is locked, what is revoked, and what lists show. It stays until keep_until.
-- The free space lets a refresh change the row within its page and leave the indexes alone.
CREATE TABLE IF NOT EXISTS {prefix}grants (
	id           BYTEA PRIMARY KEY,
	client_id    TEXT COLLATE "C" NOT NULL,
	user_id      TEXT COLLATE "C" NOT NULL, -- empty: the client acts for itself
	scope        TEXT COLLATE "C" NOT NULL,
	resources    TEXT COLLATE "C" NOT NULL,
	issued_at    BIGINT NOT NULL,
	last_used_at BIGINT, -- NULL while there is only a code
	expires_at   BIGINT NOT NULL,
	live_until   BIGINT NOT NULL, -- when the last of what can be used expires
	keep_until   BIGINT NOT NULL,
	revoked      BOOLEAN NOT NULL DEFAULT FALSE,
	seed         BYTEA, -- of the latest rotation
	seed_of      BYTEA  -- the refresh token that was spent by it
) WITH (fillfactor = 70);
-- A user's and a client's grants, newest last. Grants of machines are in the second only.
CREATE INDEX IF NOT EXISTS {prefix}grants_user ON {prefix}grants (user_id, issued_at) WHERE user_id <> '';
CREATE INDEX IF NOT EXISTS {prefix}grants_client ON {prefix}grants (client_id, issued_at);
-- For the sweep, as in the other tables.
CREATE INDEX IF NOT EXISTS {prefix}grants_keep ON {prefix}grants (keep_until);

CREATE TABLE IF NOT EXISTS {prefix}codes (
	grant_id          BYTEA PRIMARY KEY,
	digest            BYTEA NOT NULL,
	client_id         TEXT COLLATE "C" NOT NULL,
	user_id           TEXT COLLATE "C" NOT NULL,
	scope             TEXT COLLATE "C" NOT NULL,
	resources         TEXT COLLATE "C" NOT NULL,
	redirect_uri      TEXT COLLATE "C" NOT NULL,
	redirect_uri_sent BOOLEAN NOT NULL,
	challenge         BYTEA,
	issued_at         BIGINT NOT NULL,
	expires_at        BIGINT NOT NULL,
	keep_until        BIGINT NOT NULL,
	spent             BOOLEAN NOT NULL DEFAULT FALSE
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS {prefix}codes_keep ON {prefix}codes (keep_until);

CREATE TABLE IF NOT EXISTS {prefix}tokens (
	grant_id           BYTEA NOT NULL,
	access             BYTEA NOT NULL,
	refresh            BYTEA,
	client_id          TEXT COLLATE "C" NOT NULL,
	user_id            TEXT COLLATE "C" NOT NULL,
	scope              TEXT COLLATE "C" NOT NULL,
	grant_scope        TEXT COLLATE "C" NOT NULL,
	resources          TEXT COLLATE "C" NOT NULL,
	grant_resources    TEXT COLLATE "C" NOT NULL,
	issued_at          BIGINT NOT NULL,
	access_expires_at  BIGINT NOT NULL,
	refresh_expires_at BIGINT,
	grant_expires_at   BIGINT NOT NULL,
	keep_until         BIGINT NOT NULL,
	access_revoked     BOOLEAN NOT NULL DEFAULT FALSE,
	spent_at           BIGINT, -- of the refresh token
	extra              TEXT COLLATE "C",
	PRIMARY KEY (grant_id, access)
) WITH (fillfactor = 85);
-- A family that is refreshed often has many spent tokens.
CREATE INDEX IF NOT EXISTS {prefix}tokens_refresh ON {prefix}tokens (grant_id, refresh) WHERE refresh IS NOT NULL;
CREATE INDEX IF NOT EXISTS {prefix}tokens_keep ON {prefix}tokens (keep_until);
