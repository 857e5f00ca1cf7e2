//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/load"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/report"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/server"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// connections is how many keep-alive connections the load comes on.
const connections = 32

// bench measures. Its goroutine is locked to its thread, which is the load
// generator's.
type bench struct {
	cores   *server.Cores
	measure time.Duration
	// profiles is the folder for profiles of the servers. Empty: none is taken.
	profiles string
}

// slice is how long one server has the load at a stretch. Short ones, server by
// server, let all see the same of whatever else the machine does.
const slice = 100 * time.Millisecond

// loaded is a server with its load.
type loaded struct {
	*server.Process
	tokens []string
	load   *load.Generator
	before server.Reply
}

// start starts a server with the tokens that a workload needs.
func (b *bench) start(ctx context.Context, p peer.Peer, name workload.Name) (*loaded, error) {
	s, err := server.Start(ctx, b.cores, 1, p, peer.Options{})
	if err != nil {
		return nil, err
	}
	l := &loaded{Process: s}
	switch {
	case name == workload.Unknown:
		l.tokens, err = b.foreign(ctx, p, name.Live())
	case name.Live() > 0:
		l.tokens, err = s.Issue(server.Access, name.Live(), name.Live())
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return l, nil
}

// foreign returns tokens of the right form that no server knows which is yet to
// be asked: those of a server that is gone.
func (b *bench) foreign(ctx context.Context, p peer.Peer, n int) (tokens []string, err error) {
	s, err := server.Start(ctx, b.cores, 1, p, peer.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	return s.Issue(server.Access, n, n)
}

func (l *loaded) dial(name workload.Name) error {
	sessions := make([]workload.Session, connections)
	for i := range sessions {
		var err error
		if sessions[i], err = workload.New(name, l.Peer, l.tokens, i, connections); err != nil {
			return err
		}
	}
	var err error
	l.load, err = load.Dial(l.Addr, sessions)
	return err
}

// fresh measures a workload over loopback on new servers. The samples are in the
// order of the peers.
func (b *bench) fresh(ctx context.Context, peers []peer.Peer, name workload.Name, first int) (samples []report.Sample, err error) {
	var servers []*loaded
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Stop())
		}
	}()
	for _, p := range peers {
		s, err := b.start(ctx, p, name)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	return b.loopback(servers, name, first)
}

// loopback measures a workload on servers that run, in turns that begin with one
// of them.
func (b *bench) loopback(servers []*loaded, name workload.Name, first int) (samples []report.Sample, err error) {
	defer func() {
		for _, s := range servers {
			if s.load != nil {
				err = errors.Join(err, s.load.Close())
				s.load = nil
			}
		}
	}()
	for _, s := range servers {
		if err := b.prepare(s, name); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.Peer.Name, name, err)
		}
	}
	for range max(1, int(b.measure/slice)) {
		for i := range servers {
			s := servers[(first+i)%len(servers)]
			if err := s.load.Run(min(slice, b.measure)); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", s.Peer.Name, name, err)
			}
		}
	}
	for _, s := range servers {
		after, err := s.Do(server.Command{Do: "usage"})
		if err != nil {
			return nil, err
		}
		if b.profiles != "" {
			if _, err := s.Do(server.Command{Do: "profiled"}); err != nil {
				return nil, err
			}
		}
		r := s.load.Result()
		samples = append(samples, report.Sample{
			CPU:       float64(after.CPU-s.before.CPU) / float64(r.Operations),
			PerSecond: float64(r.Operations) / r.Elapsed.Seconds(),
			P50:       float64(r.P50), P99: float64(r.P99), MaxRSS: float64(after.MaxRSS),
		})
	}
	return samples, nil
}

// prepare connects, warms up and takes the marks.
func (b *bench) prepare(s *loaded, name workload.Name) error {
	if err := s.dial(name); err != nil {
		return err
	}
	warm := b.measure / 4
	if s.Peer.New == nil {
		warm = 3 * b.measure // it is compiled while it runs
	}
	if err := s.load.Run(warm); err != nil {
		return err
	}
	s.load.Reset()
	if b.profiles != "" {
		if _, err := s.Do(server.Command{Do: "profile", File: filepath.Join(b.profiles, s.Peer.Name+"-"+string(name)+".pprof")}); err != nil {
			return err
		}
	}
	var err error
	s.before, err = s.Do(server.Command{Do: "usage"})
	return err
}

// inProcess measures a workload on the handler alone, in a process of its own.
func (b *bench) inProcess(ctx context.Context, p peer.Peer, name workload.Name) (sample report.Sample, err error) {
	s, err := b.start(ctx, p, name)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	r, err := s.Run(server.Command{Workload: name, Seconds: b.measure.Seconds() / 2}, s.tokens)
	if err != nil {
		return sample, err
	}
	return report.Sample{CPU: float64(r.CPU) / float64(r.Operations), Allocs: r.Allocs, Bytes: r.Bytes}, nil
}

// verify makes sure, before anything is measured, that a server refuses what its
// peer is known to refuse.
func (b *bench) verify(ctx context.Context, p peer.Peer) (err error) {
	unknown, err := b.foreign(ctx, p, 1)
	if err != nil {
		return err
	}
	s, err := b.start(ctx, p, workload.ClientCredentials)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	return workload.Verify(ctx, s.Addr, p, unknown[0])
}
