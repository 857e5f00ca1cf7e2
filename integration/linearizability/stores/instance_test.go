package stores

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/storage"
	"github.com/gin-oauth/gin-oauth-server/integration/linearizability"
	"github.com/gin-oauth/gin-oauth-server/model"
	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// instanceOf is the environment variable that makes the test binary an instance on this store: a process of its own, with
// connections of its own, that does what callers send it until it is killed.
const instanceOf = "LINEARIZABILITY_INSTANCE"

// A request is an operation on its way to an instance.
type request struct{ Op modeltest.Op }

// A response is its result on the way back. Errors travel as the number of their outcome, and as text.
type response struct {
	Got     modeltest.Result
	Outcome int
	Fault   string
}

var outcomes = [...]error{nil, model.ErrNotFound, model.ErrSpent, model.ErrRevoked, model.ErrExists}

func wrap(got modeltest.Result) (r response) {
	err := got.Err
	got.Err = nil
	r.Got = got
	for i, outcome := range outcomes {
		if errors.Is(err, outcome) {
			r.Outcome = i
			return r
		}
	}
	r.Fault = err.Error()
	return r
}

func (r response) unwrap() modeltest.Result {
	r.Got.Err = outcomes[r.Outcome]
	if r.Fault != "" {
		r.Got.Err = errors.New(r.Fault)
	}
	return r.Got
}

// serve is what an instance does: it prints its address and serves whoever connects, until nobody needs it any more.
func serve(dsn string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, _, err := storage.Open(ctx, dsn)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test
		os.Exit(0)
	}()
	fmt.Println(l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			in, out := gob.NewDecoder(conn), gob.NewEncoder(conn)
			for {
				var r request
				if in.Decode(&r) != nil || out.Encode(wrap(r.Op.Apply(ctx, store))) != nil {
					return // the caller has gone
				}
			}
		}()
	}
}

// An instance is a running one, or one that is started again on the same store.
type instance struct {
	t   *testing.T
	dsn string

	mu      sync.Mutex
	cmd     *exec.Cmd
	addr    string
	conns   map[int]*line // of each caller
	noticed chan struct{} // closed when a caller found it dead
}

type line struct {
	net.Conn
	in  *gob.Decoder
	out *gob.Encoder
}

func startInstance(t *testing.T, dsn string) *instance {
	i := &instance{t: t, dsn: dsn}
	i.start()
	t.Cleanup(i.kill)
	return i
}

func (i *instance) start() {
	i.mu.Lock()
	defer i.mu.Unlock()
	self, err := os.Executable()
	require.NoError(i.t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), instanceOf+"="+i.dsn)
	cmd.Stderr = os.Stderr
	_, err = cmd.StdinPipe() // closed when the test has ended, however it ends
	require.NoError(i.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(i.t, err)
	require.NoError(i.t, cmd.Start())
	addr, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(i.t, err, "the instance did not start")
	i.cmd, i.addr, i.conns, i.noticed = cmd, strings.TrimSpace(addr), map[int]*line{}, make(chan struct{})
}

// kill ends it as kill -9 does.
func (i *instance) kill() {
	i.mu.Lock()
	defer i.mu.Unlock()
	require.NoError(i.t, i.cmd.Process.Kill())
	_ = i.cmd.Wait() // it was killed
	for _, l := range i.conns {
		_ = l.Close()
	}
}

// restart kills the instance and starts it again when a caller has noticed, or nobody is left who could.
func (i *instance) restart(stalled <-chan struct{}) {
	i.mu.Lock()
	noticed := i.noticed
	i.mu.Unlock()
	i.kill()
	select {
	case <-noticed:
	case <-stalled:
	}
	i.start()
}

// do sends an operation to the instance.
func (i *instance) do(_ context.Context, caller int, op modeltest.Op) modeltest.Result {
	l, err := i.line(caller)
	var r response
	if err == nil {
		err = errors.Join(l.out.Encode(request{op}), l.in.Decode(&r))
	}
	if err == nil {
		return r.unwrap()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.conns[caller] == l {
		delete(i.conns, caller)
	}
	select {
	case <-i.noticed:
	default:
		close(i.noticed)
	}
	return modeltest.Result{Err: err}
}

func (i *instance) line(caller int) (*line, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if l := i.conns[caller]; l != nil {
		return l, nil
	}
	conn, err := net.DialTimeout("tcp", i.addr, time.Minute)
	if err != nil {
		return nil, err
	}
	l := &line{conn, gob.NewDecoder(conn), gob.NewEncoder(conn)}
	i.conns[caller] = l
	return l, nil
}

// among spreads the callers over instances.
func among(stores ...linearizability.Store) linearizability.Store {
	return func(ctx context.Context, caller int, op modeltest.Op) modeltest.Result {
		return stores[caller%len(stores)](ctx, caller, op)
	}
}
