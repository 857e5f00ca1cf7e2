package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// process is what every part of the engine needs of the process it runs in: the
// time, randomness, somebody to tell, and buffers.
type process struct {
	events  func(context.Context, Event)
	logger  *slog.Logger
	clock   func() time.Time
	source  io.Reader
	buffers sync.Pool
}

func newProcess(events func(context.Context, Event), logger *slog.Logger, clock func() time.Time, source io.Reader) *process {
	p := &process{events: events, logger: logger, clock: clock, source: source}
	p.buffers.New = func() any { b := make([]byte, 1024); return &b }
	return p
}

func setProcessDefaults(logger **slog.Logger, clock *func() time.Time, source *io.Reader) {
	if *logger == nil {
		*logger = slog.Default()
	}
	if *clock == nil {
		*clock = time.Now
	}
	if *source == nil {
		*source = rand.Reader
	}
}

// now is the time of this moment as it is stored: UTC, whole milliseconds.
func (p *process) now() time.Time { return p.clock().UTC().Truncate(time.Millisecond) }

// random fills b from the source of secrets.
func (p *process) random(b []byte) error {
	if p.source == rand.Reader {
		_, err := rand.Read(b)
		return err
	}
	// What an unknown Reader is given goes to the heap. A copy goes there, so that
	// b itself need not, in a server that has the usual source.
	own := make([]byte, len(b))
	_, err := io.ReadFull(p.source, own)
	copy(b, own)
	return err
}

// caught turns a panic of a policy function or of the store into a fault, so
// that the client gets an answer in the protocol's form. It is deferred
// directly. http.ErrAbortHandler is no accident and goes on.
func (p *process) caught(ctx context.Context, endpoint string, err *error) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
		panic(v)
	}
	e := fault(fmt.Errorf("panic: %v\n%s", v, debug.Stack()), "panic")
	*err = p.refused(ctx, Event{Endpoint: endpoint}, e)
}
