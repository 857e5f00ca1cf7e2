package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// config is what the command line says.
type config struct {
	addr   string
	issuer string // empty: from the address that is listened on
	seed   string
	store  storeURL
	key    []byte // nil: a random one, for this process
	// trustedProxies are addresses and networks of proxies whose X-Forwarded-For is
	// believed.
	trustedProxies []string

	codeLifetime         time.Duration
	accessTokenLifetime  time.Duration
	refreshTokenLifetime time.Duration
	refreshTokenGrace    time.Duration

	allowPasswordGrant bool
	errorDetails       bool
	registration       bool
	logLevel           slog.Level
}

// errHelp means that help was asked for and printed.
var errHelp = errors.New("help")

// storeVariable is the environment variable for -store.
const storeVariable = "OAUTH_STORE"

// parseFlags reads the command line, and from the environment what should not
// stand there. Help goes to out; the error says what to do.
func parseFlags(args []string, getenv func(string) string, out io.Writer) (*config, error) {
	cfg := &config{
		addr:                 "localhost:8080",
		codeLifetime:         time.Minute,
		accessTokenLifetime:  time.Hour,
		refreshTokenLifetime: 14 * 24 * time.Hour,
		refreshTokenGrace:    30 * time.Second,
	}
	// These two hold secrets. So they are read below: package flag repeats in its
	// error what it cannot read.
	var store, key string
	fs := flag.NewFlagSet("example", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are printed once, by the caller
	fs.Func("addr", "listen on this `host:port` (default localhost:8080)", cfg.setAddr)
	fs.Func("issuer", "public `URL` of this server, as clients see it (default http://<addr>)", cfg.setIssuer)
	fs.StringVar(&cfg.seed, "seed", "", "take users and clients from this JSON `FILE` in place of the built-in ones")
	fs.StringVar(&store, "store", "", "keep everything at this `URL`, so that it outlives this program and several can work on it: "+storeForms+"; if there is a password in it, rather set the environment variable "+storeVariable+", which no list of processes shows (default memory)")
	fs.StringVar(&key, "key", "", "the `SECRET` that seals pages and sessions, the same in all programs on one store: 64 hexadecimal digits or base64url of 32 bytes; rather set the environment variable "+keyVariable+", which no list of processes shows (default random, without -store)")
	fs.Func("trusted-proxy", "believe the X-Forwarded-For of this address or `CIDR`, for rate limits and log; may be repeated (default nobody's)", cfg.addTrustedProxy)
	fs.Func("code-lifetime", "how long an authorization `code` may wait for its exchange, at most 10m (default 1m)", lifetime(&cfg.codeLifetime, time.Second, 10*time.Minute))
	fs.Func("access-token-lifetime", "how `long` an access token lives (default 1h)", lifetime(&cfg.accessTokenLifetime, time.Second, 0))
	fs.Func("refresh-token-lifetime", "how `long` a refresh token may stay unused (default 336h)", lifetime(&cfg.refreshTokenLifetime, time.Second, 0))
	fs.Func("refresh-token-grace", "how `long` a refresh can be repeated when its answer got lost, at most 10m; 0 turns it off (default 30s)", lifetime(&cfg.refreshTokenGrace, 0, 10*time.Minute))
	fs.BoolVar(&cfg.allowPasswordGrant, "allow-password-grant", false, "take passwords at the token endpoint too, which RFC 9700 says must not be done")
	fs.BoolVar(&cfg.errorDetails, "error-details", false, "explain on the error page what is wrong with a request, for who develops a client")
	fs.BoolVar(&cfg.registration, "registration", true, "let clients register themselves (RFC 7591) or be described by a document at their client_id, as MCP hosts do; each is limited to reading and the user is told that nobody verified it")
	fs.Func("log-level", "debug, info, warn or error: the least `level` to log (default info)", cfg.setLogLevel)

	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printUsage(fs, out)
			return nil, errHelp
		}
		return nil, fmt.Errorf("%w\nRun with -h to see every flag", err)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: there are only flags, and they begin with a dash\nRun with -h to see every flag", fs.Arg(0))
	}
	if err := cfg.setStore(cmp.Or(store, getenv(storeVariable)), cmp.Or(key, getenv(keyVariable))); err != nil {
		return nil, fmt.Errorf("%w\nRun with -h to see every flag", err)
	}
	return cfg, nil
}

// setStore takes the store and the key that all programs on it share. A file is
// used by one program, but outlives it: with another key every user would be
// signed out at a restart and the demo client have another secret.
func (c *config) setStore(store, key string) (err error) {
	if c.store, err = parseStoreURL(store); err != nil {
		return err
	}
	if key != "" {
		c.key, err = parseKey(key)
		return err
	}
	if c.store.shared() {
		return errors.New("-store needs a key that is the same in all programs on it and at every start: make one with export " + keyVariable + "=$(" + makeKey + "), and keep it")
	}
	return nil
}

func (c *config) addTrustedProxy(s string) error {
	if _, err := netip.ParseAddr(s); err != nil {
		if _, err := netip.ParsePrefix(s); err != nil {
			return errors.New("give an address or a network, such as 127.0.0.1 or 10.0.0.0/8")
		}
	}
	c.trustedProxies = append(c.trustedProxies, s)
	return nil
}

func printUsage(fs *flag.FlagSet, out io.Writer) {
	_, _ = fmt.Fprint(out, "The demo of gin-oauth-server: an OAuth 2.0 authorization server, an API and a client in one program.\n\nFlags:\n")
	fs.SetOutput(out)
	fs.PrintDefaults()
}

func (c *config) setAddr(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("give host and port, such as localhost:8080 or :8080")
	}
	c.addr = s
	return nil
}

func (c *config) setIssuer(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("give an absolute URL, such as https://auth.example.com")
	case strings.ContainsAny(u.EscapedPath(), ":*%"):
		return errors.New("its path must have no : * or %, which mean something else in a route")
	}
	c.issuer = s
	return nil
}

func (c *config) setLogLevel(s string) error {
	if err := c.logLevel.UnmarshalText([]byte(s)); err != nil {
		return errors.New("use debug, info, warn or error")
	}
	return nil
}

// lifetime reads a duration between least and, unless zero, most.
func lifetime(to *time.Duration, least, most time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return errors.New("give a number with its unit, such as 90s, 15m or 1h30m")
		case d < least && least == 0:
			return errors.New("must not be negative; 0 turns it off")
		case d < least:
			return fmt.Errorf("must be at least %v", least)
		case most != 0 && d > most:
			return fmt.Errorf("must be at most %v", most)
		}
		*to = d
		return nil
	}
}

// issuerFor is the default issuer of a server that listens on addr. An address
// that means every interface is reached as localhost.
func issuerFor(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	if port == "80" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "http://" + host
	}
	return "http://" + net.JoinHostPort(host, port)
}

// originOf returns scheme and authority of a URL, where every route of the demo
// stays whatever the issuer's path is.
func originOf(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return issuer
	}
	return u.Scheme + "://" + u.Host
}
