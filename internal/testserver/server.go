package testserver

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Server is a database server: one that was started for the tests, or one that
// the environment names. It is safe for concurrent use, but Kill, Start, Pause
// and Resume are for a test that has the server to itself.
type Server struct {
	kind     kind
	managed  bool
	url      url.URL  // of its first database
	settings []string // "name value"
	dir      string   // the temporary folder; empty: not managed
	lock     *os.File // is open as long as the folder is in use
	port     int

	mu      sync.Mutex
	process *process // nil: not running
	made    int      // how many databases
}

// A kind is a database product.
type kind interface {
	// name is what the product is called; env, the variable that replaces the server.
	name() (name, env string)
	// accounts are the users, the best first, as which to run it if the tests run as root.
	accounts() []string
	// parse reads what the environment variable holds.
	parse(dsn string) (url.URL, error)
	// prepare fills the folder before the first start, and sets the URL.
	prepare(s *Server) error
	// command is the program that serves, with its arguments.
	command(s *Server) (program string, args []string, err error)
	// ready returns nil if the server answers, and if it is the process with this id, where that can be told.
	ready(s *Server, pid int) error
	// create makes an empty database, and drop removes it.
	create(s *Server, n int) (dsn url.URL, err error)
	drop(s *Server, dsn url.URL) error
	// dump returns all that is in a database.
	dump(s *Server, dsn url.URL) ([]byte, error)
}

// PostgreSQL starts a PostgreSQL server, which ends with the test, or returns the
// one that TEST_POSTGRES_DSN names. Each setting is a name and a value, as in
// "fsync on".
func PostgreSQL(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	return forTest(tb, postgres{}, settings)
}

// MariaDB starts a MariaDB server, which ends with the test, or returns the one,
// MySQL or MariaDB, that TEST_MYSQL_DSN names: mysql://user:password@host:port/database,
// or the form of the driver, user:password@tcp(host:port)/database. Each setting
// is a name and a value, as in "innodb_flush_log_at_trx_commit 1".
func MariaDB(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	return forTest(tb, mariadb{}, settings)
}

// Redis starts a Redis server, which ends with the test, or returns the one that
// TEST_REDIS_URL names. Each setting is a name and a value, as in "appendfsync
// everysec"; without any, nothing that was acknowledged is ever lost:
// "appendonly yes", "appendfsync always".
func Redis(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	return forTest(tb, redis{}, settings)
}

// OwnRedis starts a Redis server also when TEST_REDIS_URL names one: for tests that
// kill it, or change the settings that all who use it share.
func OwnRedis(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	return forTest(tb, redis{own: true}, settings)
}

func forTest(tb testing.TB, k kind, settings []string) *Server {
	tb.Helper()
	s, err := open(k, settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.close(); err != nil {
			tb.Error(err)
		}
	})
	s.showTo(tb, 0)
	return s
}

// showTo shows what the server has printed since a moment, given as a length of its output, when the test has failed.
func (s *Server) showTo(tb testing.TB, since int64) {
	tb.Cleanup(func() {
		if name, _ := s.kind.name(); s.managed && tb.Failed() {
			tb.Logf("%s printed:\n%s", name, s.logSince(since))
		}
	})
}

// logLength is how much the server has printed.
func (s *Server) logLength() int64 {
	info, err := os.Stat(s.logFile())
	if err != nil {
		return 0
	}
	return info.Size()
}

// open returns the server that the environment names, or starts one.
func open(k kind, settings []string) (*Server, error) {
	_, env := k.name()
	if dsn := os.Getenv(env); env != "" && dsn != "" {
		u, err := k.parse(dsn)
		if err != nil {
			return nil, fmt.Errorf("testserver: %s: %w", env, err)
		}
		return &Server{kind: k, url: u}, nil
	}
	return start(k, settings)
}

// launch makes the folder and starts the server on the first port that nobody takes away.
func (s *Server) launch() error {
	removeAbandoned()
	dir, err := os.MkdirTemp("", folderPrefix) // short, because paths of sockets must be
	if err != nil {
		return err
	}
	s.dir = dir
	if s.lock, err = lockFolder(dir); err != nil {
		return err
	}
	if err := own(dir, s.kind.accounts()); err != nil {
		return err
	}
	for tries := 0; ; tries++ {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if tries == 0 {
			err = s.kind.prepare(s)
		}
		if err != nil {
			return err
		}
		s.url.Host = fmt.Sprintf("127.0.0.1:%d", s.port)
		if err = s.start(); err == nil || tries == 5 || !strings.Contains(strings.ToLower(s.Log()), "address already in use") {
			return err
		}
	}
}

// DSN is the URL of the server's first database, such as
// postgres://user:password@127.0.0.1:12345/postgres?sslmode=disable,
// mysql://user:password@127.0.0.1:12345/test or redis://127.0.0.1:12345/0.
// See [GoMySQL] for the form that the driver of MySQL takes.
func (s *Server) DSN() string { return s.url.String() }

// Managed reports whether the server was started here, so that it may be killed.
func (s *Server) Managed() bool { return s.managed }

// Dir is the folder that holds all files of a server that was started here.
func (s *Server) Dir() string { return s.dir }

// Log is what a server that was started here has printed, its end if it is long.
func (s *Server) Log() string { return s.logSince(0) }

func (s *Server) logSince(since int64) string {
	const most = 32 << 10
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return "(no output: " + err.Error() + ")"
	}
	return string(text[max(0, min(int(since), len(text)), len(text)-most):])
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "output") }

// Database makes a database for the test, empty, and returns its DSN. It is
// dropped when the test has ended.
//
// Of Redis it is one of the numbered databases. Those of a server that was
// started here are as many as a test may want; a server of the environment must
// have one that is empty, which is then kept from other tests by a key
// "testserver:database:NUMBER" in the database of its URL.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	s.mu.Lock()
	s.made++
	n := s.made
	s.mu.Unlock()
	name, _ := s.kind.name()
	dsn, err := s.kind.create(s, n)
	if err != nil {
		tb.Fatalf("testserver: make a database of %s: %v", name, err)
	}
	tb.Cleanup(func() {
		if !s.running() {
			return // killed by the test, and never used again
		}
		if err := s.kind.drop(s, dsn); err != nil {
			tb.Errorf("testserver: drop the database %s of %s: %v", dsn.Path, name, err)
		}
	})
	return dsn.String()
}

// Dump returns everything that the database holds, as somebody would get it who
// stole a backup: of PostgreSQL and MariaDB the dump by the program of that name,
// of Redis every key with its value.
func (s *Server) Dump(tb testing.TB, dsn string) []byte {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatalf("testserver: %v", err)
	}
	content, err := s.kind.dump(s, *u)
	if err != nil {
		tb.Fatalf("testserver: dump %s: %v", u.Path, err)
	}
	return content
}

// Kill ends the server at once, as a crash does (SIGKILL).
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	s.control(tb, "kill", func() error {
		err := s.process.kill()
		s.process = nil
		return err
	})
}

// Start starts a killed server again, on the same port and data, and returns when
// it answers.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	if !s.managed {
		s.control(tb, "start", nil)
	}
	if s.running() {
		tb.Fatal("testserver: the server runs")
	}
	if err := s.start(); err != nil {
		tb.Fatalf("testserver: start again: %v\n%s", err, s.Log())
	}
}

// Pause stops all processes of the server where they are (SIGSTOP): connections
// stay open and new ones are taken by the system, but nothing is answered.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	s.control(tb, "pause", func() error { return s.process.pause() })
}

// Resume lets a paused server go on (SIGCONT).
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()
	s.control(tb, "resume", func() error { return s.process.resume() })
}

func (s *Server) control(tb testing.TB, what string, do func() error) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	name, env := s.kind.name()
	switch {
	case !s.managed:
		tb.Fatalf("testserver: this test wants to %s its %s server, so it needs one that is started for it: unset %s", what, name, env)
	case s.process == nil:
		tb.Fatalf("testserver: %s %s: it does not run", what, name)
	default:
		if err := do(); err != nil {
			tb.Fatalf("testserver: %s %s: %v", what, name, err)
		}
	}
}

// running reports whether the server can be talked to, as far as is known.
func (s *Server) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.managed || s.process != nil
}

// patience is how long a server may take to answer, on a machine with much else to do.
const patience = 2 * time.Minute

// start runs the server and waits until it answers.
func (s *Server) start() error {
	program, args, err := s.kind.command(s)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; {
		before := s.logLength()
		p, err := startProcess(program, args, s.dir, s.logFile(), s.kind.accounts())
		if err != nil {
			return err
		}
		if err = s.await(p, deadline); err == nil {
			s.mu.Lock()
			s.process = p
			s.mu.Unlock()
			return nil
		}
		err = errors.Join(err, p.kill())
		// After a kill the processes of PostgreSQL may take a moment to end, and hold its memory.
		if time.Now().After(deadline) || !strings.Contains(s.logSince(before), "pre-existing shared memory") {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// await returns when the server answers, or an error when it has ended.
func (s *Server) await(p *process, deadline time.Time) error {
	pause := 5 * time.Millisecond
	for {
		// Another server may have the port and answer, so what has become of this one is looked at afterwards.
		answer := s.kind.ready(s, p.pid)
		select {
		case <-p.ended:
			return fmt.Errorf("it has ended: %w", p.err())
		case <-time.After(pause):
		}
		if answer == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it does not answer: %w", answer)
		}
		pause = min(2*pause, 200*time.Millisecond)
	}
}

// close ends the server and removes its folder. It keeps nothing: whoever wants to stop it gently does so before.
func (s *Server) close() error {
	if !s.managed {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.process != nil {
		err = s.process.kill()
		s.process = nil
	}
	if s.dir == "" {
		return err
	}
	// A process that is just ending may still write.
	gone := os.RemoveAll(s.dir)
	for range 20 {
		if gone == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
		gone = os.RemoveAll(s.dir)
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return errors.Join(err, gone)
}
