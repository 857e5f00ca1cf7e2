package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// commands carries out commands in the process.
type commands struct {
	peer     peer.Peer
	instance *peer.Instance

	profiling *os.File
	sweep     chan Reply
}

func (c *commands) do(line []byte) (reply Reply, err error) {
	var cmd Command
	if err := json.Unmarshal(line, &cmd); err != nil {
		return reply, err
	}
	switch cmd.Do {
	case "usage":
		reply.CPU, reply.MaxRSS, err = usage()
	case "heap":
		reply.Heap, reply.GC = heap()
	case "issue":
		err = c.issue(cmd)
	case "run":
		reply, err = c.run(cmd)
	case "sweep":
		c.sweep = make(chan Reply, 1)
		go func() { c.sweep <- c.sweepShort() }()
	case "swept":
		reply = <-c.sweep
	case "profile":
		if c.profiling, err = os.Create(cmd.File); err == nil {
			err = pprof.StartCPUProfile(c.profiling)
		}
	case "profiled":
		pprof.StopCPUProfile()
		err = c.profiling.Close()
	default:
		err = fmt.Errorf("unknown command %q", cmd.Do)
	}
	return reply, err
}

// issue makes live tokens and keeps none in memory. What was garbage on the way
// is gone before the load begins.
func (c *commands) issue(cmd Command) error {
	f, err := os.Create(cmd.File)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	every, i := max(1, cmd.N/max(1, cmd.Keep)), 0
	each := func(token string) error {
		i++
		if i%every != 0 {
			return nil
		}
		_, err := w.WriteString(token + "\n")
		return err
	}
	switch {
	case cmd.Kind == Short:
		err = c.instance.Short(cmd.N)
	case cmd.Kind == Pair:
		err = workload.IssuePairs(c.instance.Handler, c.peer, cmd.N)
	case c.instance.Issue != nil:
		err = c.instance.Issue(cmd.N, each)
	default:
		err = workload.Issue(c.instance.Handler, c.peer, cmd.N, each)
	}
	err = errors.Join(err, w.Flush(), f.Close())
	runtime.GC()
	return err
}

// heap returns the live heap and the time of a full collection.
func heap() (live, collection int64) {
	runtime.GC()
	start := time.Now()
	runtime.GC()
	took := time.Since(start)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), took.Nanoseconds()
}

// run runs a workload on the handler alone: a while to warm up, then measured.
func (c *commands) run(cmd Command) (Reply, error) {
	text, err := os.ReadFile(cmd.File)
	if err != nil {
		return Reply{}, err
	}
	tokens := strings.Fields(string(text))
	workers := make([]*workload.Direct, max(1, cmd.Workers))
	for i := range workers {
		session, err := workload.New(cmd.Workload, c.peer, tokens, i, len(workers))
		if err != nil {
			return Reply{}, err
		}
		workers[i] = workload.NewDirect(c.instance.Handler, session)
	}
	span := time.Duration(cmd.Seconds * float64(time.Second))
	if _, err := together(workers, cmd.N/5, span/5); err != nil {
		return Reply{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, _, err := usage()
	if err != nil {
		return Reply{}, err
	}
	start := time.Now()
	n, err := together(workers, cmd.N, span)
	if err != nil {
		return Reply{}, err
	}
	elapsed := time.Since(start)
	end, rss, err := usage()
	runtime.ReadMemStats(&after)
	return Reply{
		CPU: end - cpu, MaxRSS: rss, Operations: n, Elapsed: elapsed.Nanoseconds(),
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, err
}

// together runs all workers at the same time and returns how many operations that
// were.
func together(workers []*workload.Direct, operations int, span time.Duration) (int, error) {
	counts, errs := make([]int, len(workers)), make([]error, len(workers))
	var group sync.WaitGroup
	for i, w := range workers {
		group.Go(func() {
			if operations > 0 {
				counts[i], errs[i] = operations, w.Operations(operations)
				return
			}
			counts[i], errs[i] = w.Run(span)
		})
	}
	group.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return total, errors.Join(errs...)
}

// sweepShort removes the tokens of kind Short.
func (c *commands) sweepShort() Reply {
	start := time.Now()
	n, err := c.instance.SweepShort(context.Background())
	reply := Reply{Operations: n, Elapsed: time.Since(start).Nanoseconds()}
	if err != nil {
		reply.Error = err.Error()
	}
	return reply
}
