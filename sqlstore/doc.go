// Package sqlstore is a [model.Model] in PostgreSQL, MySQL, MariaDB or SQLite, over
// [database/sql] and whatever driver the application has chosen.
package sqlstore
