// Command readme fills in the parts of README.md that are made from code: the
// quick start, which is compiled, and the tables of configuration fields with
// their defaults.
//
//	go run ./internal/readme          # say whether README.md is as it should be
//	go run ./internal/readme -write   # write it
package main

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	write := flag.Bool("write", false, "write README.md")
	flag.Parse()
	if err := run(".", *write); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

var errStale = errors.New("README.md is not up to date: go run ./internal/readme -write")

func run(root string, write bool) error {
	path := filepath.Join(root, "README.md")
	old, err := os.ReadFile(path) //nolint:gosec // the path is the program's own
	if err != nil {
		return err
	}
	made, err := fill(root, string(old))
	switch {
	case err != nil:
		return err
	case made == string(old):
		return nil
	case !write:
		return errStale
	}
	return os.WriteFile(path, []byte(made), 0o600)
}

// fill replaces what stands between the marks <!-- name: begin --> and
// <!-- name: end -->.
func fill(root, text string) (string, error) {
	parts := []struct {
		name string
		make func(root string) (string, error)
	}{
		{"quick start", func(root string) (string, error) { return codeBlock(root, "quickstart.go", "quick start") }},
		{"shared store", func(root string) (string, error) { return codeBlock(root, "sharedstore.go", "shared store") }},
		{"config", func(root string) (string, error) { return fieldTable(root, "engine/config.go", "Config") }},
		{"options", func(root string) (string, error) { return fieldTable(root, "ginoauth/server.go", "Options") }},
		{"client", func(root string) (string, error) { return fieldTable(root, "model/client.go", "Client") }},
	}
	for _, p := range parts {
		body, err := p.make(root)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.name, err)
		}
		begin, end := "<!-- "+p.name+": begin -->\n", "<!-- "+p.name+": end -->"
		before, rest, ok := strings.Cut(text, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			return "", fmt.Errorf("README.md has no marks for %q", p.name)
		}
		text = before + begin + body + end + after
	}
	return text, nil
}

// maxCode is how long a piece of code may be, in lines.
const maxCode = 30

// codeBlock is what stands between the marks // name: begin and // name: end in a
// file of this folder.
func codeBlock(root, file, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, "internal", "readme", file)) //nolint:gosec // the path is the program's own
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(string(b), "// "+name+": begin\n")
	code, _, ok2 := strings.Cut(rest, "\t// "+name+": end")
	if !ok || !ok2 {
		return "", fmt.Errorf("no marks for %q in %s", name, file)
	}
	lines := strings.Split(strings.TrimSuffix(code, "\n"), "\n")
	if len(lines) > maxCode {
		return "", fmt.Errorf("the %s has %d lines, at most %d", name, len(lines), maxCode)
	}
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "\t")
	}
	return "```go\n" + strings.Join(lines, "\n") + "\n```\n", nil
}

// fieldTable makes a table of the fields of a struct from their comments.
func fieldTable(root, file, name string) (string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, filepath.Join(root, file), nil, parser.ParseComments)
	if err != nil {
		return "", err
	}
	var table strings.Builder
	table.WriteString("| field | type | meaning |\n|---|---|---|\n")
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		s, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		found = true
		for _, field := range s.Fields.List {
			err = errors.Join(err, writeField(&table, fset, field))
		}
		return false
	})
	if !found {
		return "", fmt.Errorf("no struct %s in %s", name, file)
	}
	return table.String(), err
}

var spaces = regexp.MustCompile(`\s+`)

func writeField(w *strings.Builder, fset *token.FileSet, field *ast.Field) error {
	var typ strings.Builder
	if err := printer.Fprint(&typ, fset, field.Type); err != nil {
		return err
	}
	var names []string
	for _, n := range field.Names {
		if n.IsExported() {
			names = append(names, "`"+n.Name+"`")
		}
	}
	if len(names) == 0 {
		return nil
	}
	doc := strings.TrimSpace(spaces.ReplaceAllString(field.Doc.Text(), " "))
	if doc == "" {
		return fmt.Errorf("field %s has no comment", strings.Join(names, ", "))
	}
	cell := strings.NewReplacer("|", `\|`, "[", "", "]", "")
	kind := spaces.ReplaceAllString(typ.String(), " ")
	if strings.HasPrefix(kind, "func") {
		kind = "func"
	}
	_, err := fmt.Fprintf(w, "| %s | `%s` | %s |\n", strings.Join(names, ", "), kind, cell.Replace(doc))
	return err
}
