package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseStoreURL(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                                   "memory",
		"memory":                             "memory",
		"postgres://bob:s3cret@db.test/demo": "PostgreSQL at db.test/demo",
		"postgresql://bob:s3cret@db.test:5433/demo?sslmode=require": "PostgreSQL at db.test:5433/demo",
		"postgres:///demo?host=/run/postgresql":                     "PostgreSQL at /demo",
		"mysql://bob:s3%2Fcret@db.test/demo?tls=true":               "MySQL or MariaDB at db.test/demo",
		"mariadb://bob:s3cret@db.test:3307/demo":                    "MySQL or MariaDB at db.test:3307/demo",
		"sqlite:demo.db":                                            "SQLite in demo.db",
		"sqlite:/var/lib/demo.db":                                   "SQLite in /var/lib/demo.db",
		"sqlite:///var/lib/demo.db":                                 "SQLite in /var/lib/demo.db",
		"redis://localhost:6379":                                    "Redis at localhost:6379",
		"REDISS://:s3cret@redis.test/3":                             "Redis at redis.test/3",
	} {
		u, err := parseStoreURL(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, u.String())
		assert.Equal(t, want != "memory", u.shared(), s)
	}
}

func TestParseStoreURLRefuses(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"localhost:5432/demo":                   "the forms are postgres://",
		"demo.db":                               "must begin with",
		"//bob:s3cret@db.test/demo":             "must begin with",
		"oracle://bob:s3cret@db.test/demo":      "no store for this scheme; the forms are postgres://",
		"bob:s3cret@tcp(db.test)/demo":          "no store for this scheme",
		"postgres://bob:s3cret@db.test":         "names no database",
		"mysql://bob:s3cret@db.test/":           "names no database",
		"mysql:///demo":                         "not a URL with a host",
		"redis:localhost":                       "not a URL with a host",
		"redis://":                              "not a URL with a host",
		"postgres://bob:s3cret/x@db.test/demo":  "% and two hexadecimal digits",
		"postgres://bob:s3cret%zz@db.test/demo": "% and two hexadecimal digits",
		"postgres://bob:12/s3cret@db.test/demo": "% and two hexadecimal digits", // 12 looks like a port
		"mysql://bob:12?s3cret@db.test/demo":    "% and two hexadecimal digits",
		"redis://bob:12#s3cret@db.test/1":       "% and two hexadecimal digits",
		"redis://bob@redis.test/s3cret":         "have numbers",
		"sqlite:":                               "needs a file",
		"sqlite::memory:":                       "gone with the program",
		"sqlite:demo.db?mode=ro":                "no ? or #",
	} {
		_, err := parseStoreURL(s)
		require.ErrorContains(t, err, want, s)
		assert.NotContains(t, err.Error(), "s3cret", s)
		assert.NotContains(t, err.Error(), "12", s)
	}
}

// FuzzParseStoreURL holds that whatever stands in the place of a password, and
// however wrong the URL becomes by it, it is not shown.
func FuzzParseStoreURL(f *testing.F) {
	f.Add("", "")
	f.Add("/", "@")
	f.Add("12?x", "#")
	f.Add("@db.test/", "%zz")
	f.Fuzz(func(t *testing.T, before, after string) {
		const marker = "s3cret"
		if strings.Contains(before+after, marker) {
			return
		}
		for _, scheme := range []string{"postgres", "mysql", "redis"} {
			u, err := parseStoreURL(scheme + "://bob:" + before + marker + after + "@db.test/demo")
			if err != nil {
				assert.NotContains(t, err.Error(), marker)
			} else {
				assert.NotContains(t, u.String(), marker)
			}
		}
	})
}
