// Package testserver starts the real database servers that tests run against:
// PostgreSQL, MariaDB and Redis, each in a temporary folder, on a free port, with
// a password of its own where the server has passwords, and gone when the test
// has ended.
//
//	func TestStore(t *testing.T) {
//		server := testserver.PostgreSQL(t)
//		db, err := sql.Open("pgx", server.Database(t)) // a new, empty database
//		…
//	}
//
// To start a server takes a second or more, so the tests of a package share one
// by a [Group]:
//
//	var servers testserver.Group
//
//	func TestMain(m *testing.M) { os.Exit(servers.Run(m)) }
//
//	func TestStore(t *testing.T) {
//		dsn := servers.PostgreSQL(t).Database(t)
//		…
//	}
//
// A test that kills or pauses its server ([Server.Kill], [Server.Start],
// [Server.Pause], [Server.Resume]) has one to itself, from [PostgreSQL],
// [MariaDB] or [Redis].
//
// The servers write what they acknowledge to their files before they do so, so
// that nothing is lost by Kill. PostgreSQL and MariaDB do not wait for the disk
// (fsync) though, which only a power cut would tell from the real thing, and
// which makes them quick. Who measures gives them the setting of production:
//
//	testserver.PostgreSQL(b, "fsync on")
//	testserver.MariaDB(b, "innodb_flush_log_at_trx_commit 1")
//
// The environment variables TEST_POSTGRES_DSN, TEST_MYSQL_DSN and TEST_REDIS_URL
// take the place of the server that would be started. Such a server is not
// [Server.Managed]: it cannot be killed, and a test that wants to fails.
//
// Nothing but the standard library is needed, no driver either: databases are
// made by the programs that come with the server.
package testserver
