// Package server runs a peer in a process of its own, so that its processor time
// and memory can be told from everything else, and talks to it.
//
// The process prints the address that it listens on. Then it answers each line
// of its input with one line of JSON, and it ends with its input:
//
//	usage                      processor time so far, and the most memory so far
//	issue N FILE               makes N live tokens and writes them to a file, one a line
//	heap                       live heap, and how long a full collection takes
//	profile FILE               begins a CPU profile
//	profiled                   ends it
//	inprocess NAME SECS FILE   runs a workload on the handler without sockets, with the tokens of a file
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

	c := commands{peer: p, instance: instance}
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
	instance *peer.Instance

	profiling *os.File
}

func (c *commands) do(line string) (reply Reply, err error) {
	var word, name, file string
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
	case "issue":
		if _, err = fmt.Sscanf(line, "issue %d %s", &n, &file); err == nil {
			err = c.issue(n, file)
		}
	case "inprocess":
		if _, err = fmt.Sscanf(line, "inprocess %s %g %s", &name, &seconds, &file); err == nil {
			reply, err = c.inProcess(workload.Name(name), time.Duration(seconds*float64(time.Second)), file)
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

// issue makes live tokens and keeps none in memory. What was garbage on the way
// is gone before the load begins.
func (c *commands) issue(n int, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	each := func(token string) error {
		_, err := w.WriteString(token + "\n")
		return err
	}
	if c.instance.Issue != nil {
		err = c.instance.Issue(n, each)
	} else {
		err = workload.Issue(c.instance.Handler, n, each)
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

// inProcess runs a workload on the handler alone: warm first, then measured.
func (c *commands) inProcess(name workload.Name, d time.Duration, file string) (Reply, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Reply{}, err
	}
	tokens := strings.Fields(string(text))
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
