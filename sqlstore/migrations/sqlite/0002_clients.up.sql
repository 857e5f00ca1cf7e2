-- +goose Up
-- Registered clients. data is a JSON object with all that is known of the client, and of
-- its secrets the digests. revision begins anywhere and counts the changes.
CREATE TABLE IF NOT EXISTS {prefix}clients (
	id         TEXT PRIMARY KEY,
	revision   INTEGER NOT NULL,
	data       TEXT NOT NULL,
	expires_at INTEGER -- of a client that registered itself and was not used yet
);
CREATE INDEX IF NOT EXISTS {prefix}clients_expires ON {prefix}clients (expires_at) WHERE expires_at IS NOT NULL;
