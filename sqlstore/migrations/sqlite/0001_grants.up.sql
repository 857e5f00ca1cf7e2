-- +goose Up
-- Grants with their authorization codes and tokens. Times are milliseconds since 1970, UTC. No column holds a code or token: digest, access and
-- refresh are SHA-256.

-- A grant is one act of authorization. Its row is what is locked, what is revoked, and what lists show. It stays until keep_until.
CREATE TABLE IF NOT EXISTS {prefix}grants (
	id           BLOB PRIMARY KEY,
	client_id    TEXT NOT NULL,
	user_id      TEXT NOT NULL, -- empty: the client acts for itself
	scope        TEXT NOT NULL,
	resources    TEXT NOT NULL,
	issued_at    INTEGER NOT NULL,
	last_used_at INTEGER, -- NULL while there is only a code
	expires_at   INTEGER NOT NULL,
	live_until   INTEGER NOT NULL, -- when the last of what can be used expires
	keep_until   INTEGER NOT NULL,
	revoked      BOOLEAN NOT NULL DEFAULT FALSE,
	seed         BLOB, -- of the latest rotation
	seed_of      BLOB  -- the refresh token that was spent by it
);
-- A user's and a client's grants, newest last. Grants of machines are in the second only.
CREATE INDEX IF NOT EXISTS {prefix}grants_user ON {prefix}grants (user_id, issued_at) WHERE user_id <> '';
CREATE INDEX IF NOT EXISTS {prefix}grants_client ON {prefix}grants (client_id, issued_at);
-- For the sweep, as in the other tables.
CREATE INDEX IF NOT EXISTS {prefix}grants_keep ON {prefix}grants (keep_until);

CREATE TABLE IF NOT EXISTS {prefix}codes (
	grant_id          BLOB PRIMARY KEY,
	digest            BLOB NOT NULL,
	client_id         TEXT NOT NULL,
	user_id           TEXT NOT NULL,
	scope             TEXT NOT NULL,
	resources         TEXT NOT NULL,
	redirect_uri      TEXT NOT NULL,
	redirect_uri_sent BOOLEAN NOT NULL,
	challenge         BLOB,
	issued_at         INTEGER NOT NULL,
	expires_at        INTEGER NOT NULL,
	keep_until        INTEGER NOT NULL,
	spent             BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX IF NOT EXISTS {prefix}codes_keep ON {prefix}codes (keep_until);

CREATE TABLE IF NOT EXISTS {prefix}tokens (
	grant_id           BLOB NOT NULL,
	access             BLOB NOT NULL,
	refresh            BLOB,
	client_id          TEXT NOT NULL,
	user_id            TEXT NOT NULL,
	scope              TEXT NOT NULL,
	grant_scope        TEXT NOT NULL,
	resources          TEXT NOT NULL,
	grant_resources    TEXT NOT NULL,
	issued_at          INTEGER NOT NULL,
	access_expires_at  INTEGER NOT NULL,
	refresh_expires_at INTEGER,
	grant_expires_at   INTEGER NOT NULL,
	keep_until         INTEGER NOT NULL,
	access_revoked     BOOLEAN NOT NULL DEFAULT FALSE,
	spent_at           INTEGER, -- of the refresh token
	extra              TEXT,
	PRIMARY KEY (grant_id, access)
);
-- A family that is refreshed often has many spent tokens.
CREATE INDEX IF NOT EXISTS {prefix}tokens_refresh ON {prefix}tokens (grant_id, refresh) WHERE refresh IS NOT NULL;
CREATE INDEX IF NOT EXISTS {prefix}tokens_keep ON {prefix}tokens (keep_until);
