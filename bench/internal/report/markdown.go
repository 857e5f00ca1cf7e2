package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// Run says what was run, and where.
type Run struct {
	Peers     []peer.Peer
	Workloads []workload.Name
	// Rounds and Seconds are how often and how long each peer had its turn.
	Rounds  int
	Seconds float64
	// Machine says what it ran on, Versions which version of what.
	Machine  string
	Versions []string
}

// Markdown writes the tables.
func Markdown(w io.Writer, r *Results, run Run) {
	fmt.Fprintf(w, "Measured on %s, in %d rounds of %g s for each server and workload.\n", run.Machine, run.Rounds, run.Seconds)
	ratios(w, r, run)
	memory(w, r, run)
	refusals(w, run)
	settings(w, run)
	for _, name := range run.Workloads {
		details(w, r, run, name)
	}
}

// ratios is the table that counts.
func ratios(w io.Writer, r *Results, run Run) {
	limit := run.Peers[0].Name
	for _, place := range []Place{Loopback, InProcess} {
		names := slices.DeleteFunc(slices.Clone(run.Workloads), func(n workload.Name) bool { return len(r.Samples[Key{place, n, limit}]) == 0 })
		if len(names) == 0 {
			continue
		}
		if place == Loopback {
			fmt.Fprint(w, "\n### Processor time over the bare handler, as servers\n\nProcessor time of the server for one operation, divided by the bare handler's in the same round: the median of all rounds, ± half of what lies between the least and the greatest.\n\n")
		} else {
			fmt.Fprint(w, "\n### Processor time over the bare handler, in process\n\nThe same of the handler alone, without sockets and `net/http`. The bare handler does next to nothing here, so the ratios are of what the libraries do themselves.\n\n")
		}
		Table(w, append([]string{""}, titles(names)...))
		for _, p := range run.Peers {
			if len(r.Samples[Key{place, names[0], p.Name}]) == 0 {
				continue
			}
			row := []string{p.Title}
			for _, name := range names {
				row = append(row, ratio(r, Key{place, name, p.Name}, limit))
			}
			Line(w, row)
		}
	}
}

func ratio(r *Results, k Key, limit string) string {
	s := r.Ratio(k, limit)
	if len(s) == 0 {
		return ""
	}
	if k.Peer == limit {
		return "1"
	}
	least, greatest := s.Spread()
	if s.Median() >= 9.95 {
		return fmt.Sprintf("%.0f ± %.0f", s.Median(), (greatest-least)/2)
	}
	return fmt.Sprintf("%.2f ± %.2f", s.Median(), (greatest-least)/2)
}

func memory(w io.Writer, r *Results, run Run) {
	if len(r.Memory) == 0 {
		return
	}
	fmt.Fprint(w, "\n### Memory with a million live client_credentials tokens\n\n")
	Table(w, []string{"", "live heap per token, B", "full collection, ms", "most memory of the process, MB"})
	for _, p := range run.Peers {
		if m, found := r.Memory[p.Name]; found {
			Line(w, []string{p.Title, fmt.Sprintf("%.0f", m.PerToken), fmt.Sprintf("%.1f", m.Collection/1e6), fmt.Sprintf("%.0f", m.MaxRSS/1e6)})
		}
	}
}

// refusals says what each server checks, since what is not checked costs nothing.
// The run has made sure of it.
func refusals(w io.Writer, run Run) {
	fmt.Fprint(w, "\n### What each server refuses\n\nAsked of every server before anything was measured. What is not checked costs nothing.\n\n")
	header := []string{""}
	for _, p := range run.Peers {
		header = append(header, p.Title)
	}
	Table(w, header)
	for _, check := range workload.Checks() {
		row := []string{string(check)}
		for _, p := range run.Peers {
			if slices.Contains(p.Lax, string(check)) {
				row = append(row, "**no**")
			} else {
				row = append(row, "yes")
			}
		}
		Line(w, row)
	}
}

func settings(w io.Writer, run Run) {
	fmt.Fprintf(w, "\n### Settings that differ\n\nAll have one confidential client with a generated secret, codes for %.0f seconds, access tokens for %.0f hour, refresh tokens for %.0f days, no logging and Gin in release mode.\n\n",
		peer.CodeLifetime.Seconds(), peer.AccessLifetime.Hours(), peer.RefreshLifetime.Hours()/24)
	for _, p := range run.Peers {
		fmt.Fprintf(w, "- **%s**: %s.\n", p.Title, strings.Join(p.Notes, "; "))
	}
	fmt.Fprintf(w, "\nVersions: %s.\n", strings.Join(run.Versions, ", "))
}

// details is everything about one workload.
func details(w io.Writer, r *Results, run Run, name workload.Name) {
	fmt.Fprintf(w, "\n### All figures of: %s\n\n", name.Title())
	Table(w, []string{"", "CPU, µs", "per second", "p50, µs", "p99, µs", "most memory, MB", "in process: CPU, µs", "allocations", "bytes"})
	for _, p := range run.Peers {
		server, direct := Key{Loopback, name, p.Name}, Key{InProcess, name, p.Name}
		cell := func(k Key, format string, unit float64, figure func(Sample) float64) string {
			if len(r.Samples[k]) == 0 {
				return ""
			}
			return fmt.Sprintf(format, r.Of(k, figure).Median()/unit)
		}
		Line(w, []string{
			p.Title, cell(server, "%.1f", 1e3, cpu), cell(server, "%.0f", 1, perSecond), cell(server, "%.0f", 1e3, p50), cell(server, "%.0f", 1e3, p99),
			cell(server, "%.0f", 1e6, maxRSS), cell(direct, "%.2f", 1e3, cpu), cell(direct, "%.0f", 1, allocs), cell(direct, "%.0f", 1, bytes),
		})
	}
}

func titles(names []workload.Name) []string {
	var all []string
	for _, n := range names {
		all = append(all, n.Title())
	}
	return all
}

// Table writes the head of a table.
func Table(w io.Writer, header []string) {
	Line(w, header)
	fmt.Fprint(w, "|---|"+strings.Repeat("--:|", len(header)-1)+"\n")
}

// Line writes a row of a table.
func Line(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
