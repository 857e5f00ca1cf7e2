package instances

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

// refused asserts that the demo does not start, says so in one line and shows no password.
func refused(t *testing.T, want, dsn string) {
	t.Helper()
	status, printed := demo.Refused(t, "-key", key, "-store", dsn)
	assert.Equal(t, 1, status, printed)
	assert.Contains(t, printed, want)
	line := strings.TrimSpace(printed[strings.Index(printed, "example: "):])
	assert.NotContains(t, line, "\n", "one line, the last")
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	if password, ok := u.User.Password(); ok && password != "" {
		assert.NotContains(t, printed, password)
	}
}

// with returns the DSN with another user, password and database.
func with(t *testing.T, dsn string, user *url.Userinfo, database string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = user
	if database != "" {
		u.Path = "/" + database
	}
	return u.String()
}

func TestWhatServersRefuse(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		dsn := servers.PostgreSQL(t).DSN()
		u, err := url.Parse(dsn)
		require.NoError(t, err)
		refused(t, "user or password is wrong", with(t, dsn, url.UserPassword(u.User.Username(), "wrong-s3cret"), ""))
		refused(t, "no such database", with(t, dsn, u.User, "none"))
		refused(t, "speaks another protocol", strings.Replace(servers.MariaDB(t).DSN(), "mysql:", "postgres:", 1)+"?sslmode=disable")
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		dsn := servers.MariaDB(t).DSN()
		u, err := url.Parse(dsn)
		require.NoError(t, err)
		refused(t, "user or password is wrong", with(t, dsn, url.UserPassword(u.User.Username(), "wrong-s3cret"), ""))
		refused(t, "no such database", with(t, dsn, u.User, "none"))
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		dsn := servers.Redis(t).DSN()
		refused(t, "user or password is wrong", with(t, dsn, url.UserPassword("bob", "wrong-s3cret"), ""))
		refused(t, "give a lower one", with(t, dsn, nil, "999999"))
	})
}
