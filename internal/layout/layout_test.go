// Package layout has no code: its test holds the layout of the repository, so that an import in the wrong direction, a
// dependency in a package that promises none or a file that grew too long is a failing test and not a matter of review.
package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module   = "github.com/gin-oauth/gin-oauth-server"
	maxLines = 420 // about 400: nobody shall have to split a file for the sake of a comment
)

// root is the folder of the root module, seen from this package's.
var root = filepath.Join("..", "..")

// links says which packages of the module each package may link, itself left out. What is not named here may link any.
var links = map[string][]string{
	"model":               {},
	"model/modeltest":     {"model"},
	"internal/gcra":       {"model"},
	"internal/alloctest":  {},
	"internal/shortcache": {},
	"internal/uris":       {},
	"memstore":            {"model", "internal/gcra"},
	"sqlstore":            {"model"},
	"engine":              {"model", "internal/gcra"},
	"introspect":          {"engine", "model", "internal/gcra"},
	"ginoauth":            {"engine", "model", "internal/gcra"},
	"ginoauthtest":        {"ginoauth", "engine", "model", "internal/gcra"},
}

// standardOnly are the packages that link nothing outside the standard library and this module.
var standardOnly = []string{"model", "model/modeltest", "internal/gcra", "internal/shortcache", "internal/syncbuf", "internal/testserver", "internal/uris", "memstore", "sqlstore", "engine", "introspect"}

// web are the modules that, programs and test kits aside, only ginoauth may import.
var web = []string{"github.com/gin-gonic/", "github.com/gin-contrib/", "github.com/gorilla/"}

// kit reports whether a package is there for tests only. Its name says so, but for internal/testserver.
func kit(path string) bool { return strings.HasSuffix(path, "test") || path == "internal/testserver" }

// A pkg is what go list says about a package.
type pkg struct {
	ImportPath string
	Name       string
	Standard   bool
	Imports    []string
	Deps       []string
}

// own returns the path of a package inside the module, and whether it is one of the module's.
func own(importPath string) (string, bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// list returns all packages of the root module and everything they link, by import path.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Name,Standard,Imports,Deps", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())

	pkgs := map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		require.NoError(t, err)
		pkgs[p.ImportPath] = p
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	pkgs := list(t)

	t.Run("arrows point one way", func(t *testing.T) {
		t.Parallel()
		for path, allowed := range links {
			for _, dep := range pkgs[module+"/"+path].Deps {
				name, ok := own(dep)
				if !ok || strings.HasPrefix(name, "internal/") {
					continue
				}
				assert.Contains(t, allowed, name, "%s links %s", path, name)
			}
		}
	})

	t.Run("standard library only", func(t *testing.T) {
		t.Parallel()
		for _, path := range standardOnly {
			for _, dep := range pkgs[module+"/"+path].Deps {
				if _, ok := own(dep); !ok {
					assert.True(t, pkgs[dep].Standard, "%s links %s", path, dep)
				}
			}
		}
	})

	t.Run("gin and sessions only in ginoauth", func(t *testing.T) {
		t.Parallel()
		for importPath, p := range pkgs {
			path, ok := own(importPath)
			if !ok || path == "ginoauth" || kit(path) || p.Name == "main" {
				continue
			}
			for _, imported := range p.Imports {
				assert.False(t, slices.ContainsFunc(web, func(prefix string) bool { return strings.HasPrefix(imported, prefix) }),
					"%s imports %s", path, imported)
			}
		}
	})

	t.Run("test kits only in tests", func(t *testing.T) {
		t.Parallel()
		for importPath, p := range pkgs {
			if path, ok := own(importPath); ok && !kit(path) {
				assert.NotContains(t, p.Deps, "testing", "%s links a test kit", path)
			}
		}
	})

	t.Run("the rules name packages that exist", func(t *testing.T) {
		t.Parallel()
		for path := range links {
			_, found := pkgs[module+"/"+path]
			assert.True(t, found, path)
		}
	})
}

// TestFiles looks at the files of all modules.
func TestFiles(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		lines := bytes.Count(source, []byte("\n"))
		assert.LessOrEqual(t, lines, maxLines, "%s has %d lines: split it by endpoint, grant or RFC", name, lines)

		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				assert.NotEqual(t, "init", f.Name.Name, "%s has an init function", name)
			}
		}
		return nil
	})
	require.NoError(t, err)
}
