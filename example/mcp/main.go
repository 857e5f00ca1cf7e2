// Command mcp is an MCP server with an authorization server of its own, in one
// Gin application: MCP clients find out by themselves where to get a token, make
// themselves known, send the user to sign in and to agree, and call the tools in
// that user's name.
//
// Everything is kept in memory. Run it with -h to see the flags.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`address` to listen on")
	issuer := flag.String("issuer", "", "public `URL` of this server (default: http:// and the address)")
	rootCAs := flag.String("root-cas", "", "PEM `file` of the authorities that vouch for client ID metadata documents (default: those of the system)")
	flag.Parse()
	if *issuer == "" {
		*issuer = "http://" + *addr
	}
	gin.SetMode(gin.ReleaseMode)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, *issuer, *rootCAs, log); err != nil {
		log.Error("mcp", "err", err)
		os.Exit(1)
	}
}

// run serves until ctx is done and running requests are finished.
func run(ctx context.Context, addr, issuer, rootCAs string, log *slog.Logger) error {
	roots, err := readRoots(rootCAs)
	if err != nil {
		return err
	}
	a, err := newApp(issuer, roots, log)
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	go model.SweepEvery(ctx, a.store, time.Minute, func(err error) { log.Error("sweep", "err", err) })

	srv := &http.Server{Handler: a.handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	fmt.Printf("MCP server: %s/mcp\nSign in as alice with the password wonderland.\n", issuer)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(timeout); err != nil {
		return errors.Join(errors.New("some requests did not end in time"), err)
	}
	return nil
}

// readRoots reads certificates. Without a file they are nil, which means those of
// the system.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // from the command line
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate", file)
	}
	return roots, nil
}
