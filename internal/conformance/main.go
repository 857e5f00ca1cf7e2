// Command conformance writes docs/conformance.md: for each rule of the RFCs,
// each behaviour row of the library that is ported and each attack case the test
// that holds it. Tests name the ids at the start of their subtests' names; rules
// without a test have a note that says why.
//
//	go run ./internal/conformance          # print it
//	go run ./internal/conformance -write   # write docs/conformance.md
package main

import (
	"bufio"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed rules.tsv
var rulesTSV string

//go:embed notes.tsv
var notesTSV string

const docPath = "docs/conformance.md"

func main() {
	write := flag.Bool("write", false, "write "+docPath+" instead of printing it")
	flag.Parse()
	if err := run(".", *write); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(root string, write bool) error {
	doc, err := document(root)
	if err != nil {
		return err
	}
	if write {
		return os.WriteFile(filepath.Join(root, docPath), []byte(doc), 0o600)
	}
	_, err = os.Stdout.WriteString(doc)
	return err
}

// rule is one thing to hold.
type rule struct{ id, text string }

func readTSV(s string) ([]rule, error) {
	var rules []rule
	sc := bufio.NewScanner(strings.NewReader(s))
	for n := 1; sc.Scan(); n++ {
		id, text, ok := strings.Cut(sc.Text(), "\t")
		if !ok {
			return nil, fmt.Errorf("line %d: no tab", n)
		}
		rules = append(rules, rule{id, text})
	}
	return rules, sc.Err()
}

// idPattern is the name of a subtest: ids joined by +, then a space or the end.
func idPattern() *regexp.Regexp {
	const one = `(?:attack-[A-O]\d\d|adapter-[AZT]\d+|express-[A-Z]\d+|(?:\d{4}|2\.1|CIMD)-\d(?:[\dx.]*[\dx])?|[A-M]\d\d)`
	return regexp.MustCompile(`^(` + one + `(?:\+` + one + `)*)(?: |$|:|/)`)
}

// findTests maps ids to the tests that name them, as "path: TestName".
func findTests(root string) (map[string][]string, error) {
	tests, pattern := map[string][]string{}, idPattern()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".") && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		return scanFile(root, path, pattern, tests)
	})
	return tests, err
}

func scanFile(root, path string, pattern *regexp.Regexp, tests map[string][]string) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	for _, decl := range file.Decls {
		where := filepath.ToSlash(rel)
		if f, ok := decl.(*ast.FuncDecl); ok {
			where += ": " + f.Name.Name
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				return true
			}
			if m := pattern.FindStringSubmatch(s); m != nil {
				for id := range strings.SplitSeq(m[1], "+") {
					if !slices.Contains(tests[id], where) {
						tests[id] = append(tests[id], where)
					}
				}
			}
			return true
		})
	}
	return nil
}

type section struct {
	title, about string
	match        *regexp.Regexp
}

func sections() []section {
	return []section{
		{"RFC rules", "The rules that bind the server, by RFC and section. 2.1 is the OAuth 2.1 draft, CIMD that of client ID metadata documents.", regexp.MustCompile(`^(?:[\d.]+|CIMD)-`)},
		{"Attack cases", "Attacks as black-box requests, with the safe outcome.", regexp.MustCompile(`^attack-`)},
		{"Behaviour of node-oauth2-server", "What is ported, row by row; the differences table of the README says where we differ and why.", regexp.MustCompile(`^[A-M]\d\d$`)},
		{"Behaviour of the express adapter", "The adapter's answers (adapter-) and its own tests (express-) in their Gin form.", regexp.MustCompile(`^(adapter|express)-`)},
	}
}

// document renders the table. It is an error for a rule to have neither test
// nor note, and for a test or note to name an id that no rule has.
func document(root string) (string, error) {
	rules, err := readTSV(rulesTSV)
	if err != nil {
		return "", fmt.Errorf("rules.tsv: %w", err)
	}
	noteList, err := readTSV(notesTSV)
	if err != nil {
		return "", fmt.Errorf("notes.tsv: %w", err)
	}
	tests, err := findTests(root)
	if err != nil {
		return "", err
	}
	notes, known := map[string]string{}, map[string]bool{}
	// Tests may name rules of other documents too; of those here all are known.
	documents := map[string]bool{}
	for _, r := range rules {
		known[r.id] = true
		document, _, _ := strings.Cut(r.id, "-")
		documents[document] = true
	}
	var errs []error
	for _, n := range noteList {
		notes[n.id] = n.text
		if !known[n.id] {
			errs = append(errs, fmt.Errorf("notes.tsv: no rule has the id %s", n.id))
		}
	}
	for id, where := range tests {
		document, _, _ := strings.Cut(id, "-")
		if !known[id] && documents[document] {
			errs = append(errs, fmt.Errorf("%s: no rule has the id %s", where[0], id))
		}
	}
	var b strings.Builder
	b.WriteString("# Conformance\n\nGenerated by `go run ./internal/conformance -write`; a test compares it with the tests as they are.\n")
	for _, section := range sections() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| id | rule | held by |\n|---|---|---|\n", section.title, section.about)
		for _, r := range rules {
			if !section.match.MatchString(r.id) {
				continue
			}
			held := make([]string, 0, len(tests[r.id])+1)
			for _, t := range tests[r.id] {
				held = append(held, "`"+t+"`")
			}
			slices.Sort(held)
			if note := notes[r.id]; note != "" {
				held = append(held, note)
			}
			if len(held) == 0 {
				errs = append(errs, fmt.Errorf("%s has neither a test nor a note: %s", r.id, r.text))
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.id, r.text, strings.Join(held, "<br>"))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return b.String(), errors.Join(errs...)
}
