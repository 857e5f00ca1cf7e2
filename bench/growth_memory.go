//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/report"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/server"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// memory measures what a live token costs in heap, and a full collection with all
// of them there.
func (g *grower) memory(ctx context.Context, w *bytes.Buffer) error {
	n := g.plan.million
	fmt.Fprintf(w, "\n### Memory with %s live tokens\n\n", count(n))
	report.Table(w, []string{"tokens", "live heap of each, bytes", "full collection, ms"})
	for _, kind := range []struct {
		kind  server.Kind
		title string
	}{
		{server.Access, "client_credentials"},
		{server.Pair, "pairs of access and refresh token, with the code they came from"},
	} {
		perToken, collection, err := g.heapOf(ctx, kind.kind, n)
		if err != nil {
			return err
		}
		report.Line(w, []string{kind.title, fmt.Sprintf("%.0f", perToken), fmt.Sprintf("%.1f", collection.Median()/1e6)})
	}
	return nil
}

// collections is how often a full collection is timed.
const collections = 9

func (g *grower) heapOf(ctx context.Context, kind server.Kind, n int) (perToken float64, collection report.Series, err error) {
	fmt.Fprintf(os.Stderr, "memory of %s %s tokens\n", count(n), kind)
	s, err := server.Start(ctx, g.bench.cores, 1, peer.Ours(), peer.Options{})
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	empty, err := s.Do(server.Command{Do: "heap"})
	if err != nil {
		return 0, nil, err
	}
	if _, err := s.Issue(kind, n, 0); err != nil {
		return 0, nil, err
	}
	for range collections {
		full, err := s.Do(server.Command{Do: "heap"})
		if err != nil {
			return 0, nil, err
		}
		perToken = float64(full.Heap-empty.Heap) / float64(n)
		collection = append(collection, float64(full.GC))
	}
	return perToken, collection, nil
}

// sweeper measures how long requests wait while expired tokens are removed.
func (g *grower) sweeper(ctx context.Context, w *bytes.Buffer) (err error) {
	n := g.plan.million
	fmt.Fprintf(os.Stderr, "authenticate while %s tokens are swept\n", count(n))
	s, err := server.Start(ctx, g.bench.cores, 1, peer.Ours(), peer.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	l := &loaded{Process: s}
	if l.tokens, err = s.Issue(server.Access, n, min(n, sample)); err != nil {
		return err
	}
	calm, busy := []report.Sample{}, []report.Sample{}
	removed, elapsed := 0, time.Duration(0)
	b := *g.bench
	b.measure = slice // about as long as a sweep takes
	for range g.plan.rounds {
		samples, err := b.loopback([]*loaded{l}, workload.Authenticate, 0)
		if err != nil {
			return err
		}
		calm = append(calm, samples...)
		if _, err := s.Issue(server.Short, n, 0); err != nil {
			return err
		}
		if _, err := s.Do(server.Command{Do: "sweep"}); err != nil {
			return err
		}
		if samples, err = b.loopback([]*loaded{l}, workload.Authenticate, 0); err != nil {
			return err
		}
		busy = append(busy, samples...)
		swept, err := s.Do(server.Command{Do: "swept"})
		if err != nil {
			return err
		}
		removed, elapsed = swept.Operations, time.Duration(swept.Elapsed)
	}
	fmt.Fprintf(w, "\n### Authenticate while tokens are swept\n\n%s live tokens, over loopback with %d connections, the server on one core. The sweeper removes %s expired tokens, which takes it %.1f s beside the load.\n\n",
		count(n), connections, count(removed), elapsed.Seconds())
	report.Table(w, []string{"", "p50, µs", "p99, µs"})
	for _, row := range []struct {
		title   string
		samples []report.Sample
	}{{"nothing to sweep", calm}, {"sweeping", busy}} {
		r := report.Results{Samples: map[report.Key][]report.Sample{{}: row.samples}}
		report.Line(w, []string{
			row.title,
			fmt.Sprintf("%.0f", r.Of(report.Key{}, func(s report.Sample) float64 { return s.P50 }).Median()/1e3),
			fmt.Sprintf("%.0f", r.Of(report.Key{}, func(s report.Sample) float64 { return s.P99 }).Median()/1e3),
		})
	}
	return nil
}
