//go:build unix

// Command bench compares this project with its peers and with a bare Gin handler,
// side by side in one run: as servers over loopback, each in a process of its own
// on one core with the load on another, and in process.
//
//	go run .                          everything, some minutes
//	go run . -quick                   whether it works, about half a minute
//	go run . -only ours,osin          some of the peers; bare is always there
//	go run . -out ../docs             and write the tables and the picture there
//	go run . growth -out ../docs      how cost grows with tokens, clients, scopes and processors
//
// What counts is the processor time of the server for one operation, as a ratio
// to the bare handler's in the same round: it hardly depends on the machine, and
// much less than throughput on what else the machine does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run carries out the command.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "serve" {
		return serve(args[1:])
	}
	if len(args) > 0 && args[0] == "growth" {
		return growth(ctx, args[1:])
	}
	return compare(ctx, args)
}

// serve is what the processes that are measured do.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	var opts peer.Options
	flags.IntVar(&opts.Clients, "clients", 0, "how many further `clients` are registered")
	flags.IntVar(&opts.Scopes, "scopes", 0, "how many further `scopes` a token has")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p, err := peer.Find(flags.Arg(0))
	if err != nil {
		return err
	}
	return server.Serve(p, opts, os.Stdin, os.Stdout)
}
