// Command table writes what the benchmarks of this folder printed into a document, as tables between two marks:
//
//	go test -run '^$' -bench . ./scaling | go run ./scaling/table -write ../docs/scaling.md
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	begin = "<!-- measured: begin (make scaling) -->\n"
	end   = "<!-- measured: end -->"
)

func main() {
	file := flag.String("write", "", "the document")
	flag.Parse()
	if err := update(*file, io.TeeReader(os.Stdin, os.Stderr)); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func update(file string, output io.Reader) error {
	tables, err := format(output)
	if err != nil {
		return err
	}
	doc, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(doc, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return fmt.Errorf("%s lacks the lines %q and %q", file, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(file, slices.Concat(before, []byte(begin), []byte(tables), []byte(end), after), 0o644)
}

// A result is one line of a benchmark: its metrics by unit.
type result map[string]float64

// results are those of one benchmark, by the parts of their name, in the order in which they came.
type results struct {
	names [][]string
	by    map[string]result
}

func (r *results) add(name []string, values result) {
	key := strings.Join(name, "/")
	if r.by == nil {
		r.by = map[string]result{}
	}
	if _, seen := r.by[key]; !seen {
		r.names = append(r.names, name)
	}
	r.by[key] = values
}

// get returns one metric, or NaN.
func (r *results) get(unit string, name ...string) float64 {
	if v, ok := r.by[strings.Join(name, "/")][unit]; ok {
		return v
	}
	return math.NaN()
}

// parts returns all that stands at one place of the names, each once.
func (r *results) parts(at int) (parts []string) {
	for _, name := range r.names {
		if at < len(name) && !slices.Contains(parts, name[at]) {
			parts = append(parts, name[at])
		}
	}
	return parts
}

func format(output io.Reader) (string, error) {
	all, machine, err := parse(output)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nMeasured on %s with the servers on the same machine, %d connections, each write waited for as in production (SQLite: WAL, synchronous NORMAL).\n", machine, 16)
	trips(&b, all["Requests"])
	sizes(&b, all["Bytes"])
	verbs(&b, all["Verbs"])
	return b.String(), nil
}

// parse reads what go test -bench prints.
func parse(output io.Reader) (all map[string]*results, machine string, err error) {
	all = map[string]*results{"Verbs": {}, "Bytes": {}, "Requests": {}}
	processor, cores, failed := "unknown processor", "", false
	lines := bufio.NewScanner(output)
	line := regexp.MustCompile(`^Benchmark(\w+)/(\S+?)-(\d+)\s+\d+\s+(.*)$`)
	for lines.Scan() {
		text := lines.Text()
		if cpu, ok := strings.CutPrefix(text, "cpu: "); ok {
			processor = cpu
		}
		failed = failed || strings.HasPrefix(text, "FAIL") || strings.Contains(text, "--- FAIL")
		m := line.FindStringSubmatch(text)
		if m == nil || all[m[1]] == nil {
			continue
		}
		cores = m[3]
		values, fields := result{}, strings.Fields(m[4])
		for i := 0; i+1 < len(fields); i += 2 {
			if values[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return nil, "", fmt.Errorf("%q: %w", text, err)
			}
		}
		if name := strings.Split(strings.ReplaceAll(m[2], "_", " "), "/"); len(name) > 1 {
			all[m[1]].add(name, values)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, "", err
	}
	if failed || cores == "" {
		return nil, "", errors.New("the benchmarks failed or printed nothing: the document is left as it is")
	}
	return all, fmt.Sprintf("%s cores, %s,", cores, processor), nil
}

func trips(b *strings.Builder, r *results) {
	stores := r.parts(0)
	fmt.Fprintf(b, "\n### Round trips of a request\n\n| | %s |\n|---|%s\n", strings.Join(stores, " | "), strings.Repeat("--:|", len(stores)))
	for _, request := range r.parts(1) {
		fmt.Fprintf(b, "| %s |", request)
		for _, s := range stores {
			fmt.Fprintf(b, " %.0f |", r.get("trips/op", s, request))
		}
		b.WriteByte('\n')
	}
}

func sizes(b *strings.Builder, r *results) {
	stores := r.parts(0)
	fmt.Fprintf(b, "\n### Bytes of a live grant\n\nIndexes and free space included.\n\n| | %s |\n|---|%s\n", strings.Join(stores, " | "), strings.Repeat("--:|", len(stores)))
	for _, shape := range r.parts(1) {
		fmt.Fprintf(b, "| %s |", shape)
		for _, s := range stores {
			fmt.Fprintf(b, " %s |", number(r.get("bytes/op", s, shape)))
		}
		b.WriteByte('\n')
	}
}

func verbs(b *strings.Builder, r *results) {
	live := r.parts(1)
	for _, store := range r.parts(0) {
		fmt.Fprintf(b, "\n### Verbs a second: %s\n\n|", store)
		for _, n := range live {
			fmt.Fprintf(b, " | %s live", number(atof(strings.TrimPrefix(n, "live="))))
		}
		fmt.Fprintf(b, " | cost of the last over the first | round trips |\n|---|%s--:|--:|\n", strings.Repeat("--:|", len(live)))
		for _, verb := range r.parts(2) {
			ns := func(n string) float64 { return r.get("ns/op", store, n, verb) }
			if math.IsNaN(ns(live[0])) {
				continue
			}
			fmt.Fprintf(b, "| %s |", verb)
			for _, n := range live {
				fmt.Fprintf(b, " %s |", number(1e9/ns(n)))
			}
			trips := "–"
			if t := r.get("trips/op", store, live[0], verb); !math.IsNaN(t) {
				trips = fmt.Sprintf("%.0f", t)
			}
			cost := "–"
			if c := ns(live[len(live)-1]) / ns(live[0]); !math.IsNaN(c) {
				cost = fmt.Sprintf("%.2f", c)
			}
			fmt.Fprintf(b, " %s | %s |\n", cost, trips)
		}
	}
}

func atof(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

// number writes a number with two or three digits that count, and spaces between thousands.
func number(f float64) string {
	if math.IsNaN(f) {
		return "–"
	}
	n := int64(math.Round(f))
	for unit := int64(1); unit < n; unit *= 10 {
		if n < 1000*unit {
			n = (n + unit/2) / unit * unit
			break
		}
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
