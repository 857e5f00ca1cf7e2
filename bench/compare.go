//go:build unix

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/report"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/server"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// plan is what the command line asks for.
type plan struct {
	rounds    int
	seconds   float64
	out       string
	peers     []peer.Peer
	workloads []workload.Name
	inProcess bool
	loopback  bool
	profiles  string
}

func parsePlan(args []string) (*plan, error) {
	p := &plan{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&p.rounds, "rounds", 5, "how many `rounds`, of which the median counts")
	flags.Float64Var(&p.seconds, "seconds", 0.6, "how many `seconds` one peer has for one workload in one round")
	flags.StringVar(&p.out, "out", "", "the `folder` with performance.md, whose tables are replaced, and performance.svg; empty: print only")
	quick := flags.Bool("quick", false, "few and short rounds, to see that everything works")
	only := flags.String("only", "", "a comma-separated `list` of peers to run beside bare; empty: all")
	work := flags.String("workloads", "", "a comma-separated `list` of workloads; empty: all")
	place := flags.String("place", "both", "loopback, process or both")
	flags.StringVar(&p.profiles, "profiles", "", "a `folder` that gets a CPU profile of each server under load (of the last round); for finding out, not for figures")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if p.profiles != "" { // the servers have the same working directory, but this is clearer in errors
		var err error
		if p.profiles, err = filepath.Abs(p.profiles); err != nil {
			return nil, err
		}
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("what is %q? The commands are serve and growth; without one all peers are compared", flags.Arg(0))
	}
	if *quick {
		p.rounds, p.seconds = 1, 0.1
	}
	p.loopback, p.inProcess = *place != "process", *place != "loopback"
	var err error
	p.peers, err = chosen(*only)
	if err == nil {
		p.workloads, err = chosenWorkloads(*work, *quick)
	}
	return p, err
}

// chosen returns the peers of a list. The bare handler is always among them, for
// all are compared with it.
func chosen(list string) ([]peer.Peer, error) {
	if list == "" {
		return peer.All(), nil
	}
	peers := []peer.Peer{peer.Bare()}
	for name := range strings.SplitSeq(list, ",") {
		p, err := peer.Find(name)
		if err != nil {
			return nil, err
		}
		if p.Name != peers[0].Name {
			peers = append(peers, p)
		}
	}
	return peers, nil
}

func chosenWorkloads(list string, quick bool) ([]workload.Name, error) {
	all := workload.All()
	if list == "" {
		if quick { // a million tokens take longer than all the rest
			all = slices.DeleteFunc(all, func(n workload.Name) bool { return n == workload.Million })
		}
		return all, nil
	}
	var names []workload.Name
	for name := range strings.SplitSeq(list, ",") {
		if !slices.Contains(all, workload.Name(name)) {
			return nil, fmt.Errorf("there is no workload %q; there are %v", name, all)
		}
		names = append(names, workload.Name(name))
	}
	return names, nil
}

// compare runs the peers side by side and reports.
func compare(ctx context.Context, args []string) error {
	p, err := parsePlan(args)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // its core is the load generator's
	cores, err := server.NewCores()
	if err != nil {
		return err
	}
	span := time.Duration(p.seconds * float64(time.Second))
	b := &bench{cores: cores, measure: span, profiles: p.profiles}
	results := &report.Results{Samples: map[report.Key][]report.Sample{}, Memory: map[string]report.Memory{}}
	if _, err := peer.Express(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	for _, one := range p.peers {
		if err := b.verify(ctx, one); err != nil {
			return err
		}
	}
	// The page is written after each round, so that a run that is broken off leaves
	// what it found.
	page := func(rounds int) error {
		if p.out == "" {
			return nil
		}
		return write(p.out, results, report.Run{
			Peers: p.peers, Workloads: p.workloads, Rounds: rounds, Seconds: p.seconds, Machine: machine(cores), Versions: versions(p.peers),
		})
	}
	for round := range p.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, p.rounds)
		err := p.round(ctx, b, round, results)
		if err == nil {
			err = page(round + 1)
		}
		if err != nil {
			return err
		}
	}
	if slices.Contains(p.workloads, workload.Million) && p.loopback {
		fmt.Fprintln(os.Stderr, "a million live tokens")
		if err := p.million(ctx, b, results); err != nil {
			return err
		}
	}
	report.Text(os.Stdout, results, p.peers, p.workloads)
	return page(p.rounds)
}

// round gives every peer its turn at every workload. Another one begins each
// round.
func (p *plan) round(ctx context.Context, b *bench, round int, results *report.Results) error {
	for _, name := range p.workloads {
		if name == workload.Million {
			continue
		}
		if p.loopback {
			samples, err := b.fresh(ctx, p.peers, name, round)
			if err != nil {
				return err
			}
			for i, one := range p.peers {
				results.Add(report.Loopback, name, one.Name, samples[i])
			}
		}
		for i := range p.peers {
			one := p.peers[(i+round)%len(p.peers)]
			if !p.inProcess || one.New == nil {
				continue
			}
			sample, err := b.inProcess(ctx, one, name)
			if err != nil {
				return err
			}
			results.Add(report.InProcess, name, one.Name, sample)
		}
	}
	return nil
}

// million fills all servers with a million tokens, which takes a while, and then
// gives them their turns. Variants have the same store as what they vary.
func (p *plan) million(ctx context.Context, b *bench, results *report.Results) (err error) {
	peers := slices.DeleteFunc(slices.Clone(p.peers), func(one peer.Peer) bool { return one.Variant })
	var servers []*loaded
	var empty []server.Reply
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Stop())
		}
	}()
	for _, one := range peers {
		s, err := b.start(ctx, one, workload.ClientCredentials)
		if err != nil {
			return err
		}
		servers = append(servers, s)
		heap, err := s.Do(server.Command{Do: "heap"})
		if err != nil {
			return err
		}
		empty = append(empty, heap)
		if s.tokens, err = s.Issue(server.Access, workload.Million.Live(), workload.Million.Live()); err != nil {
			return err
		}
	}
	long := *b
	long.measure = 5 * b.measure // so that some collections fall into it
	for round := range p.rounds {
		samples, err := long.loopback(servers, workload.Million, round)
		if err != nil {
			return err
		}
		for i, one := range peers {
			results.Add(report.Loopback, workload.Million, one.Name, samples[i])
		}
	}
	for i, s := range servers {
		full, err := s.Do(server.Command{Do: "heap"})
		if err != nil {
			return err
		}
		use, err := s.Do(server.Command{Do: "usage"})
		if err != nil {
			return err
		}
		results.Memory[s.Peer.Name] = report.Memory{
			PerToken:   float64(full.Heap-empty[i].Heap) / float64(len(s.tokens)),
			Collection: float64(full.GC), MaxRSS: float64(use.MaxRSS),
		}
	}
	return nil
}
