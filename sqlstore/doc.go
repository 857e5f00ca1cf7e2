// Package sqlstore is a [model.Model] in PostgreSQL, MySQL, MariaDB or SQLite, over
// [database/sql] and whatever driver the application has chosen. It serves any
// number of instances of a server on one database. It implements every optional
// interface of package model as well: registered clients, consents, device codes,
// lists of grants and rate limits.
//
//	import _ "github.com/jackc/pgx/v5/stdlib"
//
//	db, err := sql.Open("pgx", "postgres://app@db.example/app")
//	if err != nil {
//		return err
//	}
//	db.SetMaxOpenConns(20)
//	db.SetMaxIdleConns(20)
//	if err := sqlstore.Migrate(ctx, db, sqlstore.PostgreSQL, sqlstore.Options{}); err != nil {
//		return err
//	}
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
//	if err != nil {
//		return err
//	}
//	go model.SweepEvery(ctx, store, time.Minute, onErr)
//
// The database may be the application's own. With GORM the pool is what db.DB()
// returns, with sqlx it is db.DB, with ent what the driver was opened with, and
// with pgxpool what stdlib.OpenDBFromPool makes of the pool. The tables are apart
// from those of the application by their prefix, "oauth_" unless [Options] say
// otherwise. Clients are added with [Store.CreateClient].
//
// # Tables
//
// [Migrate] makes them, at each start and by all instances at once if you like;
// [WriteMigrations] prints them for those who run SQL by hand, and [Migrations]
// hands them to goose or golang-migrate. Of codes, tokens, secrets and verifiers
// there are SHA-256 digests only, and of each grant the seed of its last refresh,
// which is good for nothing without the spent token. Times are whole milliseconds
// since 1970, in UTC. Text is UTF-8, and what is not, or contains NUL, is refused
// as a whole before it gets to the database, as is a client id of more than 255
// bytes, a user id of more than 2048, extended attributes of more than 16 MB and
// any other text of more than 64 kB. MySQL keeps text as bytes: SELECT
// CONVERT(user_id USING utf8mb4) shows it.
//
// Records go by [Store.Sweep], which every instance may run at the same time: what
// one is removing the others pass over or, for single rows on MySQL, wait for.
// Each table has an index on the time until which its rows are kept, so a sweep
// that finds nothing takes a few look-ups, however large the table is.
//
// # How it is decided
//
// The row of a grant is the lock of all that is in it. Who redeems a code or
// rotates a refresh token takes that lock first, under the condition that the
// grant is not revoked, and then spends the code or token by an UPDATE of its own
// row under the condition that it is not spent. Who revokes sets a mark on the
// grant's row, and every read looks at the mark. So the order in which two
// verbs get the lock is the order in which they happened, and there is no moment
// at which one has decided and not yet written.
//
// This needs READ COMMITTED, at which a statement that has waited for a lock looks
// at what is there by then. The store asks for that level in every transaction,
// whatever the database is set to:
//
//   - On PostgreSQL each verb of the hot path is one statement and so one round
//     trip, without a transaction around it. Where default_transaction_isolation
//     is higher, PostgreSQL fails such a statement instead of letting it wait
//     (40001), and the store tries again in a transaction at READ COMMITTED. It
//     prepares nothing itself: the driver does, or does not where a pooler is
//     between, such as PgBouncer (with pgx: default_query_exec_mode=exec).
//   - On MySQL and MariaDB a verb that writes is a transaction of a few
//     statements, which are prepared once per connection. Where a proxy or the
//     server takes no prepared statements, go-sql-driver's
//     interpolateParams=true will do. The gap locks of REPEATABLE READ, the
//     default there, would let verbs on different grants wait for each other.
//     It makes no difference whether the connection counts rows that it finds
//     or rows that it changes (clientFoundRows). MySQL before 8.0 and MariaDB
//     before 10.6 lack SKIP LOCKED, and the sweep fails there. A server that
//     writes its binary log as statements (binlog_format=STATEMENT, the default
//     of neither) refuses to write at READ COMMITTED. The drivers wait for the
//     answer to COMMIT without a limit. The store does not wait with them, but the
//     connection stays in use: give the DSN a readTimeout and a writeTimeout.
//   - SQLite has one writer at a time, and transactions that are serializable. The
//     store lets its own writers in one after another and takes the lock for
//     writing at the front of a transaction. For other processes on the same file
//     open it with a busy timeout, and with a write-ahead log, so that readers and
//     the writer do not wait for each other. With modernc.org/sqlite:
//     "file:app.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)". With
//     synchronous(NORMAL) a power cut may undo the last writes, a revocation among
//     them; FULL, the default, keeps them. ":memory:" is a database of its own for
//     each connection: use it with SetMaxOpenConns(1).
//
// What the database rolled back to let another go on (deadlock, serialization
// failure, lock wait timeout, busy) is tried again, up to eight times with a
// random pause. Nothing else is: after a lost connection nobody knows whether a
// verb happened, and the caller gets the fault. A verb whose context ends was
// rolled back or has happened: that is a fault like any other.
//
// # Replicas and durability
//
// Give the store the primary. A replica answers for a revoked grant for as long
// as it lags, and nothing bounds that; so does another node of a Galera cluster
// unless wsrep_sync_wait is 1. What COMMIT acknowledged must survive a crash,
// or tokens that clients hold are gone and grants that were revoked live again:
// leave fsync, synchronous_commit and innodb_flush_log_at_trx_commit at their
// defaults, and fail over to synchronous standbys only.
//
// # Pools
//
// A verb holds one connection for as long as its round trips take. A pool of two
// to four times the database's cores, divided by the number of instances, is
// enough; more only move the queue into the database. Set SetMaxIdleConns to the
// same number as SetMaxOpenConns: with its default of two, connections are opened
// and closed all the time.
package sqlstore
