package sqlstore

import (
	"fmt"
	"strconv"
	"strings"
)

// Dialect says which database the store talks to.
type Dialect int

// The databases.
const (
	// PostgreSQL is PostgreSQL in any version that is still supported.
	PostgreSQL Dialect = iota + 1
	// MySQL is MySQL 8.0 or later, and MariaDB 10.6 or later.
	MySQL
	// SQLite is SQLite 3.24 or later.
	SQLite
)

// String returns the name of the database, which is also that of the folder of its migrations.
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "postgresql"
	case MySQL:
		return "mysql"
	case SQLite:
		return "sqlite"
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

func (d Dialect) valid() bool { return d >= PostgreSQL && d <= SQLite }

// The statements of the store are written once, with these marks where the databases differ:
//
//	{prefix}    in front of the name of each table and index
//	?           a parameter; $1, $2 … on PostgreSQL
//	{ignore}    with {conflict} at the end: an INSERT that does nothing if the key is there.
//	{conflict}  INSERT IGNORE passes over more than that, so what it writes is checked before.
//	{lock}      a SELECT that locks what it reads. SQLite needs none: a transaction that writes is alone.
//	{skip}      the same, but passes over what others have locked.
func (d Dialect) render(statement, prefix string) string {
	marks := []string{"{prefix}", prefix}
	switch d {
	case PostgreSQL:
		marks = append(marks, "{ignore}", "", "{conflict}", "ON CONFLICT DO NOTHING", "{lock}", "FOR UPDATE", "{skip}", "FOR UPDATE SKIP LOCKED")
	case MySQL:
		marks = append(marks, "{ignore}", "IGNORE", "{conflict}", "", "{lock}", "FOR UPDATE", "{skip}", "FOR UPDATE SKIP LOCKED")
	case SQLite:
		marks = append(marks, "{ignore}", "", "{conflict}", "ON CONFLICT DO NOTHING", "{lock}", "", "{skip}", "")
	}
	statement = strings.NewReplacer(marks...).Replace(statement)
	if d != PostgreSQL || !strings.Contains(statement, "?") {
		return statement
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(statement, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		statement = after
	}
}
