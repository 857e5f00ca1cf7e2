// Package server runs a peer in a process of its own, so that its processor time
// and memory can be told from everything else, and talks to it.
//
// The process prints the address that it listens on. Then it answers each line
// of its input with one line of JSON, and it ends with its input:
//
//	usage                 processor time so far, and the most memory so far
//	issue N FILE          makes N live tokens and writes them to a file, one a line
//	foreign N FILE        the same of tokens that another process of this kind issued
//	heap                  live heap, and how long a full collection takes
//	profile FILE          begins a CPU profile
//	profiled              ends it
//	inprocess NAME SECS   runs a workload on the handler without sockets
package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// Reply is the answer to a command. Each command fills in what it is asked for.
type Reply struct {
	Error string `json:"error,omitempty"`
	// CPU is the processor time of the process in nanoseconds, MaxRSS the most
	// memory it had, in bytes.
	CPU    int64 `json:"cpu,omitempty"`
	MaxRSS int64 `json:"max_rss,omitempty"`
	// Heap is the live heap in bytes, GC the time of a full collection in
	// nanoseconds.
	Heap int64 `json:"heap,omitempty"`
	GC   int64 `json:"gc,omitempty"`
	// Operations, Allocs and Bytes are of a run in process.
	Operations int     `json:"operations,omitempty"`
	Allocs     float64 `json:"allocs,omitempty"`
	Bytes      float64 `json:"bytes,omitempty"`
}

// Serve is the process: it serves the peer until the input ends.
func Serve(p peer.Peer, opts peer.Options, in io.Reader, out io.Writer) error {
	instance, err := p.New(opts)
	if err != nil {
		return fmt.Errorf("make %s: %w", p.Name, err)
	}
	if instance.Close != nil {
		defer instance.Close()
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{Handler: instance.Handler, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	fmt.Fprintln(out, ln.Addr())

	c := commands{peer: p, opts: opts, instance: instance}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		reply, err := c.do(lines.Text())
		if err != nil {
			reply.Error = err.Error()
		}
		line, err := json.Marshal(reply)
		if err != nil {
			return fmt.Errorf("reply: %w", err)
		}
		fmt.Fprintf(out, "%s\n", line)
	}
	err = errors.Join(lines.Err(), srv.Close())
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

type commands struct {
	peer     peer.Peer
	opts     peer.Options
	instance *peer.Instance

	profiling *os.File
}

func (c *commands) do(line string) (reply Reply, err error) {
	var word, name string
	var n int
	var seconds float64
	switch word, _, _ = strings.Cut(line, " "); word {
	case "usage":
		reply.CPU, reply.MaxRSS, err = usage()
	case "profile":
		err = c.profile(strings.TrimPrefix(line, "profile "))
	case "profiled":
		pprof.StopCPUProfile()
		err = c.profiling.Close()
	case "heap":
		reply.Heap, reply.GC = heap()
	case "issue", "foreign":
		if _, err = fmt.Sscanf(line, word+" %d %s", &n, &name); err == nil {
			err = c.write(word == "foreign", n, name)
		}
	case "inprocess":
		if _, err = fmt.Sscanf(line, word+" %s %g", &name, &seconds); err == nil {
			reply, err = c.inProcess(workload.Name(name), time.Duration(seconds*float64(time.Second)))
		}
	default:
		err = fmt.Errorf("unknown command %q", word)
	}
	return reply, err
}

func (c *commands) profile(file string) (err error) {
	if c.profiling, err = os.Create(file); err != nil {
		return err
	}
	return pprof.StartCPUProfile(c.profiling)
}

// tokens makes live tokens of this instance, or of another one that is then gone.
func (c *commands) tokens(foreign bool, n int, each func(token string) error) error {
	instance := c.instance
	if foreign {
		var err error
		if instance, err = c.peer.New(c.opts); err != nil {
			return err
		}
		if instance.Close != nil {
			defer instance.Close()
		}
	}
	if instance.Issue != nil {
		return instance.Issue(n, each)
	}
	return workload.Issue(instance.Handler, n, each)
}

// write makes tokens and keeps none in memory. What was garbage on the way is
// gone before the load begins.
func (c *commands) write(foreign bool, n int, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = c.tokens(foreign, n, func(token string) error {
		_, err := w.WriteString(token + "\n")
		return err
	})
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

// inProcess runs a workload on the handler alone: warm first, then measured.
func (c *commands) inProcess(name workload.Name, d time.Duration) (Reply, error) {
	var tokens []string
	if n := name.Live(); n > 0 {
		err := c.tokens(name == workload.Unknown, n, func(token string) error {
			tokens = append(tokens, token)
			return nil
		})
		if err != nil {
			return Reply{}, err
		}
	}
	session, err := workload.New(name, c.peer, tokens, 0, 1)
	if err != nil {
		return Reply{}, err
	}
	direct := workload.NewDirect(c.instance.Handler, session)
	if _, err := direct.Run(d / 5); err != nil {
		return Reply{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, _, err := usage()
	if err != nil {
		return Reply{}, err
	}
	n, err := direct.Run(d)
	if err != nil {
		return Reply{}, err
	}
	end, rss, err := usage()
	runtime.ReadMemStats(&after)
	return Reply{
		CPU: end - cpu, MaxRSS: rss, Operations: n,
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, err
}
