package sqlstore_test

import (
	"bytes"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

func TestRender(t *testing.T) {
	t.Parallel()
	const written = `INSERT {ignore} INTO {prefix}a (b, c) VALUES (?, ?) {conflict}; SELECT b FROM {prefix}a WHERE b = ? {lock}; {skip}`
	for d, want := range map[sqlstore.Dialect]string{
		sqlstore.PostgreSQL: `INSERT  INTO x_a (b, c) VALUES ($1, $2) ON CONFLICT DO NOTHING; SELECT b FROM x_a WHERE b = $3 FOR UPDATE; FOR UPDATE SKIP LOCKED`,
		sqlstore.MySQL:      `INSERT IGNORE INTO x_a (b, c) VALUES (?, ?) ; SELECT b FROM x_a WHERE b = ? FOR UPDATE; FOR UPDATE SKIP LOCKED`,
		sqlstore.SQLite:     `INSERT  INTO x_a (b, c) VALUES (?, ?) ON CONFLICT DO NOTHING; SELECT b FROM x_a WHERE b = ? ; `,
	} {
		assert.Equal(t, want, sqlstore.Render(d, written, "x_"))
	}
}

func TestMigrationsAreNumberedAlike(t *testing.T) {
	t.Parallel()
	first, _, err := sqlstore.Statements(sqlstore.PostgreSQL, "oauth_")
	require.NoError(t, err)
	require.NotEmpty(t, first)
	for _, d := range dialects() {
		names, statements, err := sqlstore.Statements(d, "oauth_")
		require.NoError(t, err)
		assert.Equal(t, first, names, "%v", d)
		for i, list := range statements {
			assert.NotEmpty(t, list, names[i])
			for _, s := range list {
				assert.Regexp(t, `(?m)^CREATE (TABLE|UNLOGGED TABLE|INDEX) IF NOT EXISTS oauth_\w+`, s, "what was done is passed over")
				assert.NotContains(t, s, ";")
			}
		}
	}
}

// Each table and column is in all dialects.
func TestMigrationsMakeTheSameTables(t *testing.T) {
	t.Parallel()
	table, column := regexp.MustCompile(`(?m)^CREATE (?:UNLOGGED )?TABLE IF NOT EXISTS (\w+)`), regexp.MustCompile(`(?m)^\t([a-z]\w*) +[A-Z]`)
	outline := func(d sqlstore.Dialect) (lines []string) {
		_, statements, err := sqlstore.Statements(d, "")
		require.NoError(t, err)
		for _, list := range statements {
			for _, s := range list {
				for _, m := range table.FindAllStringSubmatch(s, -1) {
					lines = append(lines, "table "+m[1])
					for _, c := range column.FindAllStringSubmatch(s, -1) {
						lines = append(lines, c[1])
					}
				}
			}
		}
		return lines
	}
	want := outline(sqlstore.PostgreSQL)
	assert.Contains(t, want, "table grants")
	assert.Contains(t, want, "access_revoked")
	for _, d := range dialects() {
		assert.Equal(t, want, outline(d), "%v", d)
	}
}

func TestWriteMigrations(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		var b bytes.Buffer
		require.NoError(t, sqlstore.WriteMigrations(&b, d, sqlstore.Options{Prefix: "auth_"}))
		text := b.String()
		assert.Contains(t, text, "-- 0001_grants.up.sql\n")
		assert.Contains(t, text, "CREATE TABLE IF NOT EXISTS auth_tokens (")
		assert.NotContains(t, text, "{")
		assert.NotContains(t, text, "goose")
	}
	require.ErrorContains(t, sqlstore.WriteMigrations(&bytes.Buffer{}, 0, sqlstore.Options{}), "dialect")
	require.ErrorContains(t, sqlstore.WriteMigrations(full{}, sqlstore.SQLite, sqlstore.Options{}), "write migrations")
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errAsked }

func TestMigrationsAsFiles(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		files, err := sqlstore.Migrations(d, sqlstore.Options{Prefix: "auth_"})
		require.NoError(t, err)
		names, _, err := sqlstore.Statements(d, "auth_")
		require.NoError(t, err)
		require.NoError(t, fstest.TestFS(files, names...))
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(string(text), "-- +goose Up\n"), name)
			assert.Contains(t, string(text), " auth_")
			assert.NotContains(t, string(text), "{prefix}")
		}
	}
	_, err := sqlstore.Migrations(sqlstore.MySQL, sqlstore.Options{Prefix: "?"})
	require.ErrorContains(t, err, "Options.Prefix")
}
