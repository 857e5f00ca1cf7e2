package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// printBanner says where to go, who can sign in, and what to type.
func printBanner(w io.Writer, cfg *config, sd *seed) {
	origin := originOf(cfg.issuer)
	var b strings.Builder
	fmt.Fprintf(&b, "\n  gin-oauth-server demo\n\n  Open        %s/\n  Sign in as  %s\n  Kept in     %s\n", origin, whoCanSignIn(cfg, sd), whereKept(cfg))
	if line := curlLine(origin, sd); line != "" {
		fmt.Fprintf(&b, "\n  Or call the API from a terminal, as a machine:\n\n    %s\n", strings.ReplaceAll(line, "\n", "\n    "))
	}
	if line := deviceLine(cfg.issuer, sd); line != "" {
		fmt.Fprintf(&b, "\n  Or sign in from a terminal, as a device without a browser:\n\n    %s\n", line)
	}
	b.WriteString("\n  Stop with Ctrl-C.\n\n")
	_, _ = io.WriteString(w, b.String()) // if nobody reads it, the server is up all the same
}

// whoCanSignIn names the users, with their passwords only if these are no secret.
func whoCanSignIn(cfg *config, sd *seed) string {
	const most = 5
	if len(sd.Users) == 0 {
		return "nobody: " + cfg.seed + " has no users"
	}
	var names []string
	for i, u := range sd.Users {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(sd.Users)-most))
			break
		}
		name := u.Username
		if sd.BuiltIn {
			name += " / " + u.Password
		}
		names = append(names, name)
	}
	text := strings.Join(names, ", ")
	if !sd.BuiltIn {
		text += " (from " + cfg.seed + ")"
	}
	return text
}

// whereKept says where things are, and what becomes of them at the end.
func whereKept(cfg *config) string {
	if cfg.store.shared() {
		return cfg.store.String()
	}
	return "memory, until this program ends (-h shows -store)"
}

// curlLine gets a token with client_credentials and calls the API with it. The
// secret of a client from a file is not shown.
func curlLine(origin string, sd *seed) string {
	c, ok := sd.machine()
	if !ok {
		return ""
	}
	secret := "CLIENT_SECRET"
	if sd.BuiltIn {
		secret = machineSecret
	}
	scope := c.Scope.Intersect(model.NewScope(scopeRead))
	if scope == "" {
		return ""
	}
	auth := "-u " + shellQuote(c.ID+":"+secret)
	if c.Method() == model.AuthSecretPost {
		auth = "--data-urlencode " + shellQuote("client_id="+c.ID) + " --data-urlencode " + shellQuote("client_secret="+secret)
	}
	return fmt.Sprintf(`curl -H "Authorization: Bearer $(
    curl -s %s \
      -d grant_type=client_credentials -d scope=%s %s/oauth/token |
    sed 's/.*"access_token":"\([^"]*\).*/\1/'
  )" %s/api/notes`, auth, scope, origin, origin)
}

// deviceLine starts the program that signs in like a device.
func deviceLine(issuer string, sd *seed) string {
	if !sd.hasDevice() {
		return ""
	}
	if issuer == "http://localhost:8080" {
		return "go run ./example/device"
	}
	return "go run ./example/device -issuer " + shellQuote(issuer)
}

// shellQuote quotes s for a shell, unless it needs none.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:=/", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// printFindings says what in the configuration somebody should know of.
func printFindings(w io.Writer, findings []engine.Finding) {
	if len(findings) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString("  Settings to look at:\n\n")
	for _, f := range findings {
		fmt.Fprintf(&b, "    %s\n      %s\n", f.ID, f)
	}
	b.WriteString("\n")
	_, _ = io.WriteString(w, b.String())
}
