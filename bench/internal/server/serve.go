// Package server runs a peer in a process of its own, so that its processor time
// and memory can be told from everything else, and talks to it.
//
// The process prints the address that it listens on. Then it answers each line
// of its input, a [Command] in JSON, with a line that is a [Reply], and it ends
// with its input.
package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// Command is what a process is asked to do:
//
//	usage      tell the processor time and the most memory so far
//	heap       tell the live heap, and how long a full collection takes
//	issue      make N live tokens of a Kind and write Keep of them to File, one a line
//	run        run Workload on the handler without sockets, with the tokens of File, in as
//	           many goroutines as Workers says: N operations each, or as many as fit into Seconds
//	sweep      begin to remove the tokens of kind Short
//	swept      wait for the end of that
//	profile    begin a CPU profile in File
//	profiled   end it
type Command struct {
	Do       string        `json:"do"`
	Kind     Kind          `json:"kind,omitempty"`
	Workload workload.Name `json:"workload,omitempty"`
	N        int           `json:"n,omitempty"`
	Keep     int           `json:"keep,omitempty"`
	Workers  int           `json:"workers,omitempty"`
	Seconds  float64       `json:"seconds,omitempty"`
	File     string        `json:"file,omitempty"`
}

// Kind is a kind of live token. Only this project's server knows others than
// Access.
type Kind string

// The kinds of token.
const (
	// Access is an access token of the client itself.
	Access Kind = "access"
	// Pair is an access and a refresh token of a user.
	Pair Kind = "pair"
	// Short is an access token that lives for ten minutes.
	Short Kind = "short"
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
	// Elapsed is the time in nanoseconds of a run or a sweep, Operations how many
	// operations or removed records that were.
	Elapsed    int64 `json:"elapsed,omitempty"`
	Operations int   `json:"operations,omitempty"`
	// Allocs and Bytes are what one operation allocates.
	Allocs float64 `json:"allocs,omitempty"`
	Bytes  float64 `json:"bytes,omitempty"`
}

// Serve is the process: it serves the peer until the input ends.
func Serve(p peer.Peer, opts peer.Options, in io.Reader, out io.Writer) error {
	if opts.Scopes > 0 {
		p.TokenScope, p.FlowScope = opts.Scope(), opts.Scope()
	}
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
		reply, err := c.do(lines.Bytes())
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
