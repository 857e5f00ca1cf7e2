// Command example is the demo of gin-oauth-server: one Gin application with its
// own users, login page and session, the authorization server in it, an API that
// it protects, and a client on its own pages that walks through the whole flow.
//
//	go run ./example
//
// Everything is kept in memory, or, so that it outlives the program and several
// of it can work together, in a database:
//
//	export OAUTH_KEY=$(openssl rand -hex 32)
//	go run ./example -store sqlite:demo.db
//
// Run it with -h to see the flags, and see ./cluster for several at once.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9/logging"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const (
	sweepEvery = time.Minute
	// drain is how long running requests may take once the program is told to end.
	drain = 10 * time.Second
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	logging.Disable() // what the client of Redis prints comes back as an error, too
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program: it serves until ctx is done and returns the exit status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	cfg, err := parseFlags(args, getenv, stdout)
	if errors.Is(err, errHelp) {
		return exitOK
	}
	if err != nil {
		complain(stderr, err)
		return exitUsage
	}
	if err := serve(ctx, cfg, stdout, stderr); err != nil {
		complain(stderr, err)
		return exitFailed
	}
	return exitOK
}

func complain(w io.Writer, err error) { _, _ = fmt.Fprintf(w, "example: %v\n", err) }

func serve(ctx context.Context, cfg *config, stdout, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: cfg.logLevel}))
	sd := builtInSeed()
	if cfg.seed != "" {
		var err error
		if sd, err = readSeed(cfg.seed, cfg.allowPasswordGrant); err != nil {
			return err
		}
		for _, w := range sd.Warnings {
			log.Warn("seed file", "file", cfg.seed, "warning", w)
		}
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("%w\nIf another program has this address, choose one with -addr host:port", err)
	}
	defer func() { _ = ln.Close() }() // the server closes it; this is for the ways out before

	if cfg.issuer == "" {
		cfg.issuer = issuerFor(listenName(cfg.addr, ln.Addr()))
	}
	a, err := newApp(ctx, cfg, sd, log)
	if err != nil {
		return err
	}
	stop := a.sweep()
	defer func() {
		stop()
		if err := a.storage.close(); err != nil {
			log.Error("closing the store", "err", err)
		}
	}()

	printBanner(stdout, cfg, sd)
	printFindings(stdout, a.findings)
	return serveHTTP(ctx, ln, a.handler, log)
}

// sweep removes what has expired now and then, until it is told to stop; it has
// ended when stop returns.
func (a *app) sweep() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, sweeper := range []model.Sweeper{a.storage.sweeper, a.storage.drawer} {
		if sweeper != nil {
			running.Go(func() {
				model.SweepEvery(ctx, sweeper, sweepEvery, func(err error) { a.log.Error("sweep", "err", err) })
			})
		}
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// listenName is the address that was asked for, with the port that the system
// chose for port 0.
func listenName(asked string, got net.Addr) string {
	host, port, err := net.SplitHostPort(asked)
	if tcp, ok := got.(*net.TCPAddr); ok && err == nil && port == "0" {
		return net.JoinHostPort(host, fmt.Sprint(tcp.Port))
	}
	return asked
}

// serveHTTP serves until ctx is done and running requests are finished.
func serveHTTP(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping: finishing the requests that are running")
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := srv.Shutdown(timeout); err != nil {
		return fmt.Errorf("stopping: some requests did not end within %v: %w", drain, err)
	}
	return nil
}
