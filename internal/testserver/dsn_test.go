package testserver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGoMySQL(t *testing.T) {
	t.Parallel()
	for url, driver := range map[string]string{
		"mysql://user:password@127.0.0.1:3307/test":        "user:password@tcp(127.0.0.1:3307)/test",
		"mysql://user:p%40ss%3A%2F%3F@db.example/a%20name": "user:p@ss:/?@tcp(db.example:3306)/a%20name",
		"mysql://user@[::1]:3306/test?clientFoundRows=on":  "user@tcp([::1]:3306)/test?clientFoundRows=on",
		"mysql://db:3306/": "tcp(db:3306)/",
	} {
		got, err := GoMySQL(url)
		require.NoError(t, err, url)
		assert.Equal(t, driver, got)

		back, err := mariadb{}.parse(driver)
		require.NoError(t, err, driver)
		again, err := GoMySQL(back.String())
		require.NoError(t, err)
		if back.User.String() == "user:" || back.User.String() == ":" { // the driver makes no difference
			continue
		}
		assert.Equal(t, driver, again)
	}
}

func TestWrongDSNsSayWhatIsExpected(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"", "localhost", "http://user:secret@localhost/", "user:secret@localhost/test", "://user:secret@", "mysql://user:secret\x7f@localhost/"} {
		for _, k := range []kind{postgres{}, mariadb{}, redis{}} {
			_, err := k.parse(dsn)
			name, _ := k.name()
			require.Error(t, err, "%s: %s", name, dsn)
			assert.NotContains(t, err.Error(), "secret")
		}
		_, err := GoMySQL(dsn)
		require.Error(t, err, dsn)
	}
}

func TestPortsAreNotThoseOfClients(t *testing.T) {
	t.Parallel()
	port, err := freePort()
	require.NoError(t, err)
	assert.Less(t, port+busOffset, 32768, "where Linux begins to give ports to who connects")
}

func TestOfSeveralVersionsTheHighest(t *testing.T) {
	t.Parallel()
	assert.Greater(t, version("/usr/lib/postgresql/15/bin/initdb"), version("/usr/lib/postgresql/9.6/bin/initdb"))
	assert.Zero(t, version("/usr/sbin/mariadbd"))
	_, err := find([]string{t.TempDir()}, "no-such-program", "nor-this")
	assert.ErrorContains(t, err, "no-such-program or nor-this")
}
