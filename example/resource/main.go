// Command resource is an API in a process of its own. It has no users and no
// store: it asks the demo about the tokens that come (RFC 7662).
//
//	go run ./example            # the authorization server, on http://localhost:8080
//	go run ./example/resource   # this API, on http://localhost:8081
//
// With -resource http://localhost:8081/api it takes only tokens that were asked
// for with that resource (RFC 8707), so that what is sent here is worth nothing
// elsewhere, and what is sent elsewhere nothing here.
//
// Run it with -h to see the flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/introspect"
)

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const (
	// secretVariable names the environment variable that the secret is taken from:
	// other users of a machine see the flags of a program, but not its environment.
	secretVariable = "CLIENT_SECRET"
	// The client that the demo has for this program. Its secret is none.
	demoClientID     = "second-api"
	demoClientSecret = "second-api-secret-for-the-demo"
	// demoResource is what the demo takes for this API's name.
	demoResource = "http://localhost:8081/api"
	// drain is how long running requests may take once the program is told to end.
	drain = 10 * time.Second
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program: it serves until ctx is done and returns the exit status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	cfg, err := parseFlags(args, getenv, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		complain(stderr, err)
		return exitUsage
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	h, err := newAPI(cfg, log)
	if err == nil {
		err = serve(ctx, cfg, h, log, stdout)
	}
	if err != nil {
		complain(stderr, err)
		return exitFailed
	}
	return exitOK
}

func complain(w io.Writer, err error) { _, _ = fmt.Fprintf(w, "resource: %v\n", err) }

// config is what the command line says.
type config struct {
	addr, server           string
	clientID, clientSecret string
	resource               string
	cacheFor               time.Duration
}

// verifier is the configuration of what asks the authorization server.
func (c *config) verifier() introspect.Config {
	keep := c.cacheFor
	if keep == 0 {
		keep = -1 // the flag's "none"; zero is the package's "default"
	}
	return introspect.Config{
		Endpoint: strings.TrimSuffix(c.server, "/") + "/oauth/introspect",
		ClientID: c.clientID, ClientSecret: c.clientSecret, CacheFor: keep,
	}
}

// parseFlags reads the command line. Help goes to out.
func parseFlags(args []string, getenv func(string) string, out io.Writer) (*config, error) {
	cfg := &config{}
	fs := flag.NewFlagSet("resource", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are printed once, by the caller
	fs.StringVar(&cfg.addr, "addr", "localhost:8081", "listen on this `host:port`")
	fs.StringVar(&cfg.server, "server", "http://localhost:8080", "`URL` of the authorization server: the demo's")
	fs.StringVar(&cfg.clientID, "client-id", demoClientID, "the client that this API is there: a resource server")
	fs.StringVar(&cfg.clientSecret, "client-secret", "", "its `secret`; better in the environment, as "+secretVariable+" (default that of the demo's own client)")
	fs.StringVar(&cfg.resource, "resource", "", "the `URL` that names this API: only tokens for it are taken; the demo knows "+demoResource+" (default: tokens for the demo's own API)")
	fs.DurationVar(&cfg.cacheFor, "cache", 5*time.Second, "how `long` an answer about a token is kept; 0 asks each time")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprint(out, "An API in another process than the demo of gin-oauth-server, which it asks about tokens.\n\nFlags:\n")
		fs.SetOutput(out)
		fs.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w\nRun with -h to see every flag", err)
	case fs.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q: there are only flags, and they begin with a dash\nRun with -h to see every flag", fs.Arg(0))
	case cfg.cacheFor < 0:
		return nil, errors.New("-cache must not be negative; 0 asks each time")
	}
	if cfg.clientSecret == "" {
		cfg.clientSecret = getenv(secretVariable)
	}
	if cfg.clientSecret == "" && cfg.clientID == demoClientID {
		cfg.clientSecret = demoClientSecret
	}
	if cfg.clientSecret == "" {
		return nil, fmt.Errorf("the secret of client %q is missing: set %s in the environment", cfg.clientID, secretVariable)
	}
	return cfg, nil
}

// serve serves until ctx is done and running requests are finished.
func serve(ctx context.Context, cfg *config, h http.Handler, log *slog.Logger, stdout io.Writer) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return fmt.Errorf("%w\nIf another program has this address, choose one with -addr host:port", err)
	}
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	_, _ = fmt.Fprintf(stdout, "\n  An API in a process of its own\n\n  Call   http://%s/api/whoami, with a token of %s\n\n  Stop with Ctrl-C.\n\n", ln.Addr(), cfg.server)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := srv.Shutdown(timeout); err != nil {
		return fmt.Errorf("stopping: some requests did not end within %v: %w", drain, err)
	}
	return nil
}
