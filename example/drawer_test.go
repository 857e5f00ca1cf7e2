package main

import (
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/sqlstore"
)

// The drawers of real servers are tested in integration/instances.
func TestDrawers(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) drawer{
		"memory": func(*testing.T) drawer { return newMemoryDrawer(time.Now) },
		"SQLite": func(t *testing.T) drawer {
			db, err := openSQLite(filepath.Join(t.TempDir(), "demo.db"))
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, db.Close()) })
			d, err := newSQLDrawer(t.Context(), db, sqlstore.SQLite)
			require.NoError(t, err)
			_, err = newSQLDrawer(t.Context(), db, sqlstore.SQLite)
			require.NoError(t, err, "again")
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, d := t.Context(), open(t)
			read := func(name string) string {
				value, err := d.read(ctx, name)
				require.NoError(t, err)
				return string(value)
			}
			put := func(value string, keep time.Duration) {
				require.NoError(t, d.update(ctx, "one", keep, func([]byte) ([]byte, error) {
					if value == "" {
						return nil, nil
					}
					return []byte(value), nil
				}))
			}
			assert.Empty(t, read("one"))
			put("", time.Hour)
			put("a\x00b", time.Hour)
			assert.Equal(t, "a\x00b", read("one"))
			put("c", time.Hour)
			assert.Equal(t, "c", read("one"))
			put("", time.Hour)
			assert.Empty(t, read("one"))
			put("late", -time.Second)
			assert.Empty(t, read("one"), "out of date")
			n, err := d.Sweep(ctx, time.Now(), 1000)
			require.NoError(t, err)
			assert.Equal(t, 1, n)

			oops := errors.New("oops")
			require.ErrorIs(t, d.update(ctx, "one", time.Hour, func([]byte) ([]byte, error) { return nil, oops }), oops)

			const each = 5
			var adding sync.WaitGroup
			for range 4 {
				adding.Go(func() {
					for range each {
						assert.NoError(t, d.update(ctx, "count", time.Hour, func(old []byte) ([]byte, error) {
							n, _ := strconv.Atoi(string(old)) // nothing is 0
							return []byte(strconv.Itoa(n + 1)), nil
						}))
					}
				})
			}
			adding.Wait()
			assert.Equal(t, strconv.Itoa(4*each), read("count"), "none is lost")
		})
	}
}

func TestMemoryDrawerIsBounded(t *testing.T) {
	t.Parallel()
	d := newMemoryDrawer(time.Now)
	put := func(name string, keep time.Duration) {
		require.NoError(t, d.update(t.Context(), name, keep, func([]byte) ([]byte, error) { return []byte("x"), nil }))
	}
	put("notes", 24*time.Hour)
	for i := range maxInMemory {
		put(strconv.Itoa(i), time.Hour+time.Duration(i)*time.Second)
	}
	assert.Len(t, d.kept, maxInMemory)
	assert.NotContains(t, d.kept, "0", "the one that would go first")
	assert.Contains(t, d.kept, "notes")
}

func TestNumbered(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a = $1 AND b = $2", (&sqlDrawer{dialect: sqlstore.PostgreSQL}).numbered("a = ? AND b = ?"))
	assert.Equal(t, "a = ?", (&sqlDrawer{dialect: sqlstore.MySQL}).numbered("a = ?"))
}
