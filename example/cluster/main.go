// Command cluster runs the demo as it runs on several machines: a proxy, three
// instances behind it, and one real database in a temporary folder.
//
//	go run ./example/cluster
//
// Each request goes to the next instance, so that a login, a consent page and a
// code begin at one and end at another. Kill an instance, and the rest goes on.
//
// The database is PostgreSQL, MariaDB or Redis, whichever is installed. With
// -store it is one that is there already. Run it with -h to see the flags.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

// demo is the program that runs in each instance.
const demo = "github.com/gin-oauth/gin-oauth-server/example"

// products are the servers that can be started, the first that is installed is.
func products() []string { return []string{"PostgreSQL", "MariaDB", "Redis"} }

type config struct {
	addr      string
	store     string
	database  string
	instances int
	port      int
	demoFlags []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	cfg, err := parseFlags(os.Args[1:], os.Getenv, os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fail(2, err)
	default:
		if err := run(ctx, cfg, os.Getenv("OAUTH_KEY"), os.Stdout); err != nil {
			fail(1, err)
		}
	}
}

func fail(status int, err error) {
	_, _ = fmt.Fprintf(os.Stderr, "cluster: %v\n", err)
	os.Exit(status)
}

func parseFlags(args []string, getenv func(string) string, out io.Writer) (*config, error) {
	cfg := &config{}
	fs := flag.NewFlagSet("cluster", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are printed once, by the caller
	fs.StringVar(&cfg.addr, "addr", "localhost:8080", "the proxy listens on this `host:port`")
	// Not OAUTH_STORE as its default, which the help would show with its password.
	fs.StringVar(&cfg.store, "store", "", "use this store, given as to the demo, in place of starting one (default the environment variable OAUTH_STORE)")
	fs.StringVar(&cfg.database, "database", "", "start this `product`: "+strings.Join(products(), ", ")+" (default the first that is installed)")
	fs.IntVar(&cfg.instances, "instances", 3, "how `many` instances")
	fs.IntVar(&cfg.port, "port", 8091, "the instances listen on this `port` and those after it; 0: on free ones")
	err := fs.Parse(args)
	cfg.store = cmp.Or(cfg.store, getenv("OAUTH_STORE"))
	switch _, _, bad := net.SplitHostPort(cfg.addr); {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprint(out, "Several instances of the demo behind a proxy, on one database. What follows -- is given to each instance.\n\nFlags:\n")
		fs.SetOutput(out)
		fs.PrintDefaults()
	case err != nil:
	case bad != nil:
		err = errors.New("-addr: give host and port, such as localhost:8080")
	case cfg.instances < 1 || cfg.instances > 100:
		err = errors.New("-instances: give a number from 1 to 100")
	case cfg.port < 0 || cfg.port+cfg.instances > 1<<16:
		err = errors.New("-port: give a number below 65536 with room for all instances")
	case cfg.store != "" && cfg.database != "":
		err = errors.New("-store names what is there, -database what to start: give one of them")
	}
	cfg.demoFlags = fs.Args()
	return cfg, err
}

// run runs everything until ctx is done.
func run(ctx context.Context, cfg *config, key string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "demo")
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", program, demo).CombinedOutput(); err != nil { //nolint:gosec // of this repository
		return fmt.Errorf("go build %s: %w\n%s", demo, err, text)
	}

	store, name := cfg.store, "the store of -store"
	if store == "" {
		server, product, err := startDatabase(cfg.database)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		store, name = server.DSN(), product
	}
	if key == "" {
		key = newKey()
	}

	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("%w\nIf another program has this address, choose one with -addr host:port", err)
	}
	defer func() { _ = ln.Close() }() // the server closes it; this is for the ways out before
	issuer := "http://" + net.JoinHostPort(host(cfg.addr), strconv.Itoa(ln.Addr().(*net.TCPAddr).Port))

	// In the environment, which no list of processes shows.
	env := []string{"OAUTH_STORE=" + store, "OAUTH_KEY=" + key}
	args := append([]string{"-issuer", issuer, "-trusted-proxy", "127.0.0.1", "-trusted-proxy", "::1"}, cfg.demoFlags...)
	var instances []*instance
	defer func() { stopAll(instances) }()
	for n := range cfg.instances {
		addr, err := instanceAddr(ctx, cfg.port, n)
		if err != nil {
			return err
		}
		i, err := startInstance(ctx, program, addr, args, env, out)
		if err != nil {
			return err
		}
		instances = append(instances, i)
	}
	printBanner(out, issuer, name, instances)
	return serve(ctx, ln, instances, out)
}

// startDatabase starts the product, or the first that is installed.
func startDatabase(product string) (*testserver.Server, string, error) {
	list := products()
	if product != "" {
		list = []string{product}
	}
	var missing error
	for _, name := range list {
		s, err := testserver.Open(name)
		if err == nil {
			return s, name, nil
		}
		if !errors.Is(err, testserver.ErrNotFound) {
			return nil, "", err
		}
		missing = errors.Join(missing, err)
	}
	return nil, "", fmt.Errorf("no database server is installed: install one, such as by apt-get install postgresql or brew install postgresql, or name one that is there with -store\n%w", missing)
}

func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return hex.EncodeToString(key)
}

// host is the host of an address, localhost if it means every interface.
func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(h); err != nil || h == "" || ip != nil && ip.IsUnspecified() {
		return "localhost"
	}
	return h
}

func instanceAddr(ctx context.Context, first, n int) (string, error) {
	if first != 0 {
		return net.JoinHostPort("localhost", strconv.Itoa(first+n)), nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "localhost:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

func printBanner(out io.Writer, issuer, store string, instances []*instance) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  gin-oauth-server demo, %d instances on %s\n\n  Open        %s/\n", len(instances), store, issuer)
	for _, i := range instances {
		fmt.Fprintf(&b, "  Instance    %s, process %d\n", i.addr, i.cmd.Process.Pid)
	}
	fmt.Fprintf(&b, "\n  Each request goes to the next one; the header %s says which answered.\n  Walk through the flow, kill one (kill -9 %d), and go on.\n\n  Stop with Ctrl-C.\n\n", instanceHeader, instances[0].cmd.Process.Pid)
	_, _ = io.WriteString(out, b.String())
}

// serve is the proxy. It returns when ctx is done, or when no instance is left.
func serve(ctx context.Context, ln net.Listener, instances []*instance, out io.Writer) error {
	log := slog.New(slog.NewTextHandler(out, nil))
	addrs := make([]string, len(instances))
	for n, i := range instances {
		addrs[n] = i.addr
	}
	srv := &http.Server{Handler: newProxy(addrs, log), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	gone := make(chan struct{})
	go func() {
		for _, i := range instances {
			<-i.ended
		}
		close(gone)
	}()
	for _, i := range instances {
		go func() {
			<-i.ended
			if ctx.Err() == nil {
				log.Warn("an instance ended; the others go on", "instance", i.addr, "err", i.err)
			}
		}()
	}
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-gone:
		return errors.New("no instance is left")
	case <-ctx.Done():
	}
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return srv.Shutdown(timeout)
}
