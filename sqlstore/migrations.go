package sqlstore

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations
var migrationFiles embed.FS

// migration is one numbered file.
type migration struct {
	version int
	name    string // of the file
	text    string
}

// statements returns the statements of the file. Each ends with a semicolon at
// the end of a line; none has one elsewhere.
func (m migration) statements() (list []string) {
	for s := range strings.SplitSeq(m.text, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// migrations returns the files of a dialect in their order.
func migrations(dialect Dialect, prefix string) ([]migration, error) {
	folder := "migrations/" + dialect.String()
	entries, err := migrationFiles.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	list := make([]migration, 0, len(entries))
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("migration %s has no number: %w", e.Name(), err)
		}
		text, err := migrationFiles.ReadFile(folder + "/" + e.Name())
		if err != nil {
			return nil, err
		}
		list = append(list, migration{version, e.Name(), strings.ReplaceAll(string(text), "{prefix}", prefix)})
	}
	return list, nil
}

// WriteMigrations writes all migrations of a dialect, oldest first, for those who
// run them by hand. Each makes only what is not there yet.
func WriteMigrations(w io.Writer, dialect Dialect, opts Options) error {
	opts, err := opts.check(dialect)
	if err != nil {
		return err
	}
	list, err := migrations(dialect, opts.Prefix)
	if err != nil {
		return fmt.Errorf("sqlstore: read migrations: %w", err)
	}
	for _, m := range list {
		if _, err := fmt.Fprintf(w, "-- %s\n%s\n", m.name, strings.TrimPrefix(m.text, "-- +goose Up\n")); err != nil {
			return fmt.Errorf("sqlstore: write migrations: %w", err)
		}
	}
	return nil
}

// Migrations returns the migrations of a dialect as a file system with one folder,
// for an application whose tables are kept by goose or golang-migrate:
//
//	goose.SetBaseFS(files); goose.Up(db, ".")
//	iofs.New(files, ".")
//
// There are no migrations down. [Migrate] is not called then: it notes in a table
// of its own what it has done.
func Migrations(dialect Dialect, opts Options) (fs.FS, error) {
	opts, err := opts.check(dialect)
	if err != nil {
		return nil, err
	}
	list, err := migrations(dialect, opts.Prefix)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: read migrations: %w", err)
	}
	return migrationFS(list), nil
}

// migrationFS is a folder of rendered files.
type migrationFS []migration

// Open implements [fs.FS].
func (f migrationFS) Open(name string) (fs.File, error) {
	if name == "." {
		return &openFolder{files: f}, nil
	}
	for _, m := range f {
		if m.name == name {
			return &openFile{Reader: bytes.NewReader([]byte(m.text)), info: m.info()}, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (m migration) info() fileInfo { return fileInfo{m.name, int64(len(m.text)), 0o444} }

// fileInfo is what [fs.FileInfo] and [fs.DirEntry] tell.
type fileInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i fileInfo) Name() string               { return i.name }
func (i fileInfo) Size() int64                { return i.size }
func (i fileInfo) Mode() fs.FileMode          { return i.mode }
func (i fileInfo) Type() fs.FileMode          { return i.mode.Type() }
func (i fileInfo) ModTime() time.Time         { return time.Time{} }
func (i fileInfo) IsDir() bool                { return i.mode.IsDir() }
func (i fileInfo) Sys() any                   { return nil }
func (i fileInfo) Info() (fs.FileInfo, error) { return i, nil }

type openFile struct {
	*bytes.Reader
	info fileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openFolder struct {
	files migrationFS
	next  int
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return fileInfo{".", 0, fs.ModeDir | 0o555}, nil }
func (f *openFolder) Close() error               { return nil }
func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: errors.New("is a directory")}
}

// ReadDir implements [fs.ReadDirFile].
func (f *openFolder) ReadDir(n int) (entries []fs.DirEntry, err error) {
	for ; f.next < len(f.files) && (n <= 0 || len(entries) < n); f.next++ {
		entries = append(entries, f.files[f.next].info())
	}
	if n > 0 && len(entries) == 0 {
		return nil, io.EOF
	}
	return entries, nil
}
