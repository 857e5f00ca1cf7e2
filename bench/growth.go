//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/report"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/server"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// growthPlan says how far to grow.
type growthPlan struct {
	rounds     int
	operations int
	out        string
	only       string
	tokens     []int
	clients    []int
	scopes     []int
	procs      []int
	million    int
}

func parseGrowth(args []string) (*growthPlan, error) {
	p := &growthPlan{
		tokens: []int{1_000, 10_000, 100_000, 1_000_000, 5_000_000}, clients: []int{10, 100, 1_000, 10_000, 100_000},
		scopes: []int{1, 4, 16, 64}, procs: []int{1, 2, 4}, million: 1_000_000,
	}
	flags := flag.NewFlagSet("growth", flag.ContinueOnError)
	flags.IntVar(&p.rounds, "rounds", 5, "how many `rounds`, of which the median counts")
	flags.IntVar(&p.operations, "operations", 20_000, "how many `operations` of each workload in a round")
	flags.StringVar(&p.out, "out", "", "the `folder` with performance.md, whose table is replaced; empty: print only")
	flags.StringVar(&p.only, "only", "", "one `part`: tokens, clients, scopes, procs, memory or sweeper; empty: all")
	quick := flags.Bool("quick", false, "little growth, to see that everything works")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if p.only != "" && p.out != "" {
		return nil, errors.New("-only is for looking at a part; the page gets all of them or none")
	}
	if *quick {
		p.rounds, p.operations, p.million = 2, 100, 2_000
		p.tokens, p.clients, p.scopes, p.procs = p.tokens[:2], p.clients[:2], p.scopes[:2], p.procs[:2]
	}
	return p, nil
}

// growth measures how the cost of a request grows with what the server has.
func growth(ctx context.Context, args []string) error {
	p, err := parseGrowth(args)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	cores, err := server.NewCores()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "Measured on %s, in process: processor time of the handler for one operation in microseconds, the median of %d rounds of %d operations.\n",
		machine(cores), p.rounds, p.operations)
	g := &grower{plan: p, bench: &bench{cores: cores, measure: time.Second}}
	for _, part := range []struct {
		name string
		run  func(context.Context, *bytes.Buffer) error
	}{
		{"tokens", g.liveTokens}, {"clients", g.clients}, {"scopes", g.scopes}, {"procs", g.procs}, {"memory", g.memory}, {"sweeper", g.sweeper},
	} {
		if p.only != "" && p.only != part.name {
			continue
		}
		if err := part.run(ctx, &text); err != nil {
			return err
		}
	}
	if _, err := os.Stdout.Write(text.Bytes()); err != nil || p.out == "" {
		return err
	}
	return report.Between(filepath.Join(p.out, pageFile), pageTitle, "growth", text.String())
}

type grower struct {
	plan  *growthPlan
	bench *bench
}

// point is one server in a row of growing ones.
type point struct {
	label   string
	opts    peer.Options
	live    int
	workers int
	*loaded
	runs map[workload.Name][]server.Reply
}

// sample is how many of its tokens a server is asked about: enough that they are
// not all in the caches, and few enough that they are no load themselves.
const sample = 100_000

// measure starts the servers and gives each its turn with every workload.
func (g *grower) measure(ctx context.Context, points []*point) (err error) {
	for _, p := range points {
		fmt.Fprintf(os.Stderr, "%s: ", p.label)
		procs := max(1, p.opts.Procs)
		s, err := server.Start(ctx, g.bench.cores, procs, peer.Ours(), p.opts)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Stop()) }()
		p.loaded, p.runs = &loaded{Process: s}, map[workload.Name][]server.Reply{}
		live := max(p.live, workload.Authenticate.Live())
		if p.tokens, err = s.Issue(server.Access, live, min(live, sample)); err != nil {
			return err
		}
	}
	for range g.plan.rounds {
		for _, name := range growing() {
			for _, p := range points {
				r, err := p.Run(server.Command{Workload: name, N: g.plan.operations, Workers: p.workers}, p.tokens)
				if err != nil {
					return err
				}
				p.runs[name] = append(p.runs[name], r)
			}
		}
	}
	fmt.Fprintln(os.Stderr)
	return nil
}

// cpu is the median of the processor time of an operation, in microseconds.
func (p *point) cpu(name workload.Name) float64 {
	return p.median(name, func(r server.Reply) float64 { return float64(r.CPU) / float64(r.Operations) / 1e3 })
}

// perSecond is the median of how many operations were completed in a second.
func (p *point) perSecond(name workload.Name) float64 {
	return p.median(name, func(r server.Reply) float64 { return float64(r.Operations) / (float64(r.Elapsed) / 1e9) })
}

func (p *point) median(name workload.Name, figure func(server.Reply) float64) float64 {
	var s report.Series
	for _, r := range p.runs[name] {
		s = append(s, figure(r))
	}
	return s.Median()
}

// section measures points and writes a table of their processor times.
func (g *grower) section(ctx context.Context, w *bytes.Buffer, title, column string, points []*point) error {
	if err := g.measure(ctx, points); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n### %s\n\n", title)
	tabulate(w, column, points, "%.2f", (*point).cpu)
	return nil
}

// growing are the workloads whose cost might grow.
func growing() []workload.Name {
	return []workload.Name{workload.Authenticate, workload.ClientCredentials, workload.Refresh, workload.CodeFlow}
}

// tabulate writes a figure of all points.
func tabulate(w *bytes.Buffer, column string, points []*point, format string, figure func(*point, workload.Name) float64) {
	header := []string{column}
	for _, name := range growing() {
		header = append(header, name.Title())
	}
	report.Table(w, header)
	for _, p := range points {
		row := []string{p.label}
		for _, name := range growing() {
			row = append(row, fmt.Sprintf(format, figure(p, name)))
		}
		report.Line(w, row)
	}
}

func (g *grower) liveTokens(ctx context.Context, w *bytes.Buffer) error {
	var points []*point
	for _, n := range g.plan.tokens {
		points = append(points, &point{label: count(n), live: n})
	}
	return g.section(ctx, w, "Live tokens", "live tokens", points)
}

func (g *grower) clients(ctx context.Context, w *bytes.Buffer) error {
	var points []*point
	for _, n := range g.plan.clients {
		points = append(points, &point{label: count(n), opts: peer.Options{Clients: n - 1}})
	}
	return g.section(ctx, w, "Registered clients", "clients", points)
}

func (g *grower) scopes(ctx context.Context, w *bytes.Buffer) error {
	var points []*point
	for _, n := range g.plan.scopes {
		points = append(points, &point{label: count(n), opts: peer.Options{Scopes: n - 1}})
	}
	return g.section(ctx, w, "Scopes, which each token has and the route asks for", "scopes", points)
}

// procs runs as many requests at a time as there are processors for Go.
func (g *grower) procs(ctx context.Context, w *bytes.Buffer) error {
	var points []*point
	for _, n := range g.plan.procs {
		points = append(points, &point{label: count(n), opts: peer.Options{Procs: n}, workers: n})
	}
	title := fmt.Sprintf("GOMAXPROCS on %d cores, with as many requests at a time", g.bench.cores.Count())
	if err := g.section(ctx, w, title, "GOMAXPROCS", points); err != nil {
		return err
	}
	fmt.Fprint(w, "\nOperations per second:\n\n")
	tabulate(w, "GOMAXPROCS", points, "%.0f", (*point).perSecond)
	return nil
}

// count writes a number the way people read it.
func count(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%d M", n/1_000_000)
	case n >= 1_000 && n%1_000 == 0:
		return fmt.Sprintf("%d k", n/1_000)
	}
	return fmt.Sprint(n)
}
