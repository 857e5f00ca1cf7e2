// Command device is a program without a browser that signs in to the demo: it
// shows a short address and a code, waits until somebody has typed it in there,
// and then calls the API (RFC 8628).
//
//	go run ./example
//	go run ./example/device
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, wait)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "device: %v\n", err)
		os.Exit(1)
	}
}

// wait waits for d, or until ctx is done.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// run is the program. Tests give it a wait that takes no time.
func run(ctx context.Context, args []string, out io.Writer, wait func(context.Context, time.Duration) error) error {
	flags := flag.NewFlagSet("device", flag.ContinueOnError)
	flags.SetOutput(out)
	issuer := flags.String("issuer", "http://localhost:8080", "the authorization server")
	clientID := flags.String("client", "device", "the client id of this program")
	scope := flags.String("scope", "profile read", "what to ask for")
	api := flags.String("api", "", "what to call with the token (default: /api/notes of the issuer's host)")
	picture := flags.Bool("qr", isTerminal(out), "show the link as a QR code too; by default on a terminal")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c := &client{id: *clientID, wait: wait}
	if err := c.discover(ctx, *issuer); err != nil {
		return fmt.Errorf("%w\nIs the demo running? Start it with: go run ./example", err)
	}
	codes, err := c.askForCodes(ctx, *scope)
	if err != nil {
		return err
	}
	say(out, "\n  Open   %s\n  Enter  %s\n\n  Or open this link and compare the code:\n  %s\n\n", codes.VerificationURI, codes.UserCode, codes.VerificationURIComplete)
	if *picture {
		drawn, err := drawQR(codes.VerificationURIComplete)
		if err != nil {
			return err
		}
		say(out, "%s\n", drawn)
	}
	say(out, "  Waiting for you, for %v at most …\n", time.Duration(codes.ExpiresIn)*time.Second)
	token, err := c.poll(ctx, codes)
	if err != nil {
		return err
	}
	say(out, "\n  Signed in, with the scope %q.\n", token.Scope)
	if *api == "" {
		*api = origin(*issuer) + "/api/notes"
	}
	answer, err := c.get(ctx, *api, token.AccessToken)
	if err != nil {
		return err
	}
	say(out, "\n  GET %s\n\n  %s\n\n", *api, answer)
	return nil
}

// say prints to the person at the terminal; if nobody reads it, so be it.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
