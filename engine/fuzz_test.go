package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func fuzzServer(f *testing.F) *engine.Server {
	f.Helper()
	return startFuzz(f, fuzzConfig())
}

// fuzzConfig is for a fuzzer, which tries more from one address in a second than
// people in a day. Its clock stands still, so that no form and no code expires
// under a long campaign.
func fuzzConfig() engine.Config {
	cfg := quietConfig()
	off := model.Rate{Interval: -1}
	cfg.RateLimits = engine.RateLimits{Address: off, Client: off, Failures: off, Registrations: off, DeviceCodes: off}
	cfg.Clock = (&clock{now: fixtureStart}).Now
	return cfg
}

func startFuzz(f *testing.F, cfg engine.Config) *engine.Server {
	f.Helper()
	srv, err := engine.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	return srv
}

// FuzzRedirectURI sends redirect URIs: an answer goes to a registered URI, of
// which at most the port of a loopback host differs, or nowhere.
func FuzzRedirectURI(f *testing.F) {
	srv := fuzzServer(f)
	for _, seed := range []string{
		r1, "http://127.0.0.1/cb", "http://127.0.0.1:8080/cb", "http://127.0.0.1:80@evil.test/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:99999/cb",
		"http://[::1]/cb", "//evil.test", "http://127.0.0.1:0x50/cb", "http://127.0.0.1:1/cb#x", "http://127.0.0.1:+1/cb", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		for _, client := range []string{"client_id=native", "client_id=conf"} {
			req, err := srv.AuthorizeRequest(get(az(client, "redirect_uri="+sent, withS256, s256)))
			if err != nil {
				var e *engine.Error
				if !errors.As(err, &e) || e.RedirectURI != "" || e.HTTPStatus() != http.StatusBadRequest {
					t.Fatalf("%q: %v", sent, err)
				}
				continue
			}
			if sent == r1 || sent == r2 || sent == "" && req.RedirectURI == "http://127.0.0.1/cb" {
				continue
			}
			u, err := url.Parse(sent)
			if err != nil || client == "client_id=conf" || u.Scheme != "http" || u.Hostname() != "127.0.0.1" || u.Path != "/cb" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
				t.Fatalf("%s may answer to %q", client, sent)
			}
		}
	})
}

// FuzzScope sends scopes: what is taken is a set of the client's words, and all
// that was asked for.
func FuzzScope(f *testing.F) {
	srv := fuzzServer(f)
	for _, seed := range []string{"read", "write read", " read  read ", "", "   ", "admin", "read\twrite", "read\x00", `"`, "\u00a0read", "read,write"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		req, err := srv.AuthorizeRequest(get(az("scope=" + sent)))
		words := strings.FieldsFunc(sent, func(r rune) bool { return r == ' ' })
		good := true
		for _, w := range words {
			good = good && (w == "read" || w == "write")
		}
		if (err == nil) != good {
			t.Fatalf("scope %q: %v", sent, err)
		}
		if err != nil {
			var e *engine.Error
			if !errors.As(err, &e) || e.Code != engine.CodeInvalidScope || e.RedirectURI != r1 {
				t.Fatalf("scope %q: %v", sent, err)
			}
			return
		}
		if len(words) == 0 {
			words = []string{"read"}
		}
		if want := model.NewScope(words...); req.Scope != want {
			t.Fatalf("scope %q reads %q, not %q", sent, req.Scope, want)
		}
	})
}

// FuzzState: whatever the state is, it comes back as it was, once, next to the
// parameters of the answer and not in their place.
func FuzzState(f *testing.F) {
	cfg := fuzzConfig()
	srv := startFuzz(f, cfg)
	for _, seed := range []string{"xyz", "a b&c=d#e+f%", "\xff\x00", "\r\nSet-Cookie: a=b", "&code=evil&state=evil", "%26", ";"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, state string) {
		req, err := srv.AuthorizeRequest(get(az("state=" + state)))
		if err != nil {
			t.Fatal(err)
		}
		form, err := srv.Seal(req, alice())
		if err != nil {
			t.Fatal(err)
		}
		if req, err = srv.Open(context.Background(), form, alice()); err != nil {
			t.Fatal(err)
		}
		res, err := srv.Approve(context.Background(), req, alice(), "read")
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		srv.WriteError(w, get(nil), srv.Deny(context.Background(), req, alice()))
		for location, own := range map[string]string{res.Location: "code", w.Header().Get("Location"): "error"} {
			u, err := url.Parse(location)
			if err != nil {
				t.Fatal(err)
			}
			q, err := url.ParseQuery(u.RawQuery)
			if err != nil || u.Fragment != "" || len(q["iss"]) != 1 || len(q[own]) != 1 {
				t.Fatalf("state %q: %s", state, location)
			}
			if got := q["state"]; (state == "" && got != nil) || (state != "" && (len(got) != 1 || got[0] != state)) {
				t.Fatalf("state %q came back as %q", state, got)
			}
		}
		// Memory does not grow with the length of the campaign.
		if _, err := cfg.Model.(model.Sweeper).Sweep(context.Background(), fixtureStart.AddDate(1, 0, 0), 16); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzChallenge sends S256 challenges: one is taken if and only if it is the one
// way to write 32 bytes in base64url.
func FuzzChallenge(f *testing.F) {
	srv := fuzzServer(f)
	for _, seed := range []string{challenge, challenge + "=", challenge[1:], challenge[:42] + "N", "\n" + challenge[1:], strings.Repeat("A", 44)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		req, err := srv.AuthorizeRequest(get(az("code_challenge="+sent, s256)))
		sum, derr := base64.RawURLEncoding.DecodeString(sent)
		good := derr == nil && len(sum) == sha256.Size && base64URL(sum) == sent
		switch {
		case good != (err == nil):
			t.Fatalf("challenge %q: %v", sent, err)
		case good && (!req.HasChallenge || req.Challenge != [32]byte(sum)):
			t.Fatalf("challenge %q reads %x", sent, req.Challenge)
		}
	})
}

// FuzzAuthenticate sends Authorization headers to a guarded route: refused in
// the protocol's form, and never more than that.
func FuzzAuthenticate(f *testing.F) {
	srv := fuzzServer(f)
	for _, seed := range []string{"Bearer " + strings.Repeat("A", 64), "Bearer x", "Basic YTpi", "", "Bearer \x00", "bearer a=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := rs("")
		r.Header["Authorization"] = []string{header}
		_, err := srv.Authenticate(r, "read")
		var e *engine.Error
		if !errors.As(err, &e) {
			t.Fatalf("%q: %v", header, err)
		}
		if s := e.HTTPStatus(); s != http.StatusUnauthorized && s != http.StatusBadRequest {
			t.Fatalf("%q: %d", header, s)
		}
		if c := e.Header.Get("WWW-Authenticate"); !strings.HasPrefix(c, `Bearer realm="oauth"`) || strings.ContainsAny(c, "\r\n") {
			t.Fatalf("%q: challenge %q", header, c)
		}
	})
}
