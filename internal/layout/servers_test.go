package layout

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestServersAreInstalled holds that scripts/test knows which packages need the servers of internal/testserver: it installs
// them, or leaves the packages out and says so.
func TestServersAreInstalled(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join(root, "scripts", "test"))
	require.NoError(t, err)
	found := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imported := range file.Imports {
			if imported.Path.Value != strconv.Quote(module+"/internal/testserver") {
				continue
			}
			found++
			folder, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			assert.True(t, named(string(script), filepath.ToSlash(folder)), "scripts/test does not say which servers %s needs", folder)
		}
		return nil
	}))
	assert.Positive(t, found)
}

// named reports whether the table of what packages need has a line for a folder or one above it.
func named(script, folder string) bool {
	for ; folder != "."; folder = filepath.ToSlash(filepath.Dir(folder)) {
		if strings.Contains(script, "\n\t["+folder+"]=") {
			return true
		}
	}
	return false
}
