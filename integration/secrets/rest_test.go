package secrets

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

// A place is where a demo stores: what a backup of it holds, and the files on the disk, with what was removed and what the
// server has logged.
type place struct {
	dsn    string
	backup func() []byte
	folder string // empty: a server that was not started here
}

func places() map[string]func(t *testing.T) place {
	on := func(server *testserver.Server, t *testing.T) place {
		dsn := server.Database(t)
		return place{dsn, func() []byte { return server.Dump(t, dsn) }, server.Dir()}
	}
	return map[string]func(t *testing.T) place{
		"PostgreSQL": func(t *testing.T) place { return on(servers.PostgreSQL(t), t) },
		"MariaDB":    func(t *testing.T) place { return on(servers.MariaDB(t), t) },
		"SQLite": func(t *testing.T) place {
			file := filepath.Join(t.TempDir(), "demo.db")
			return place{"sqlite:" + file, func() []byte { return readAll(t, filepath.Dir(file)) }, ""}
		},
		"Redis": func(t *testing.T) place {
			p := on(testserver.Redis(t, "rdbcompression no"), t)
			dump := p.backup
			p.backup = func() []byte {
				if p.folder != "" { // the file of a backup, beside the log of all commands
					out, err := exec.Command("redis-cli", "-e", "-u", p.dsn, "SAVE").CombinedOutput()
					require.NoError(t, err, "%s", out)
				}
				return dump()
			}
			return p
		},
	}
}

// readAll returns all files below a folder, one after the other.
func readAll(t *testing.T, folder string) []byte {
	t.Helper()
	var all bytes.Buffer
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // a server at work
		}
		all.Write(content)
		all.WriteByte('\n')
		return err
	}))
	return all.Bytes()
}

// TestAtRest reads what is stored.
func TestAtRest(t *testing.T) {
	t.Parallel()
	for name, open := range places() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			r := start(t, "-store", p.dsn, "-key", strings.Repeat("0123456789abcdef", 4))
			access := r.everything()
			require.Greater(t, len(r.secrets), 60)
			r.secrets[strings.Repeat("0123456789abcdef", 4)] = "the key"

			backup := p.backup()
			right := map[string]string{demo.Callback: "redirect URI", "Registered": "client"}
			assert.Len(t, newFinder(right).find(backup), len(right), "it is the right database")
			finder := newFinder(r.secrets)
			check := func(where string, data []byte) {
				for value, at := range finder.find(data) {
					assert.Fail(t, "a secret is stored", "%s %q in %s: %q", r.secrets[value], value, where, around(data, at))
				}
			}
			check("the backup", backup)
			if p.folder != "" {
				check("the files", readAll(t, p.folder))
			}

			// The proof that it would be found: a client gives its secrets away, as its name.
			r.register("Named " + access)
			backup = p.backup()
			found := finder.find(backup)
			assert.Contains(t, found, access)
			if p.folder != "" {
				assert.Contains(t, finder.find(readAll(t, p.folder)), access)
			}
		})
	}
}
