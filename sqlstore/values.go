package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// The longest values. No database cuts anything short of them, so what is longer
// is refused before it gets there.
const (
	maxClientID = 255
	maxUserID   = 2048
	maxText     = 1<<16 - 1
	maxJSON     = 1<<24 - 1
)

// storable reports whether all databases keep the text as it is: PostgreSQL takes
// neither NUL nor what is not UTF-8.
func storable(s string, longest int) bool {
	return len(s) <= longest && strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// a field is a text on its way to the database.
type field struct {
	name, value string
	longest     int
}

// refuse returns an error for the first field that cannot be stored. The value
// is not in it.
func refuse(fields ...field) error {
	for _, f := range fields {
		if !storable(f.value, f.longest) {
			return fmt.Errorf("%s is not UTF-8 text without NUL of at most %d bytes", f.name, f.longest)
		}
	}
	return nil
}

// digestOrNull makes a zero digest NULL: there is none.
func digestOrNull(d model.Digest) any {
	if d.IsZero() {
		return nil
	}
	return d[:]
}

// milliOrNull makes the zero time NULL.
func milliOrNull(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

func fromMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// fromMilliOrNull is the zero time for NULL.
func fromMilliOrNull(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMilli(ms.Int64)
}

// bytes32 scans a digest or seed: 32 bytes, or NULL for a zero one.
type bytes32 struct{ to *[32]byte }

func (b bytes32) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*b.to = [32]byte{}
		return nil
	case []byte:
		if len(v) == len(b.to) {
			copy(b.to[:], v)
			return nil
		}
		return fmt.Errorf("%d bytes where 32 are expected", len(v))
	}
	return fmt.Errorf("%T where bytes are expected", src)
}

// bytes16 scans a grant id.
type bytes16 struct{ to *model.GrantID }

func (b bytes16) Scan(src any) error {
	v, ok := src.([]byte)
	if !ok || len(v) != len(b.to) {
		return fmt.Errorf("%T of %d bytes where a grant id is expected", src, len(v))
	}
	copy(b.to[:], v)
	return nil
}
