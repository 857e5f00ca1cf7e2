package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// references matches the reference of an error, also escaped in a redirect.
var references = regexp.MustCompile(`(?: |%20)(?:\(|%28)ref(?: |%20)([A-Z2-7]{8})(?:\)|%29)`)

// withoutReferences takes the references, which are random, out of an answer, so
// that tests can compare the rest.
func withoutReferences(w *httptest.ResponseRecorder) {
	w.Body = bytes.NewBuffer(references.ReplaceAll(w.Body.Bytes(), nil))
	for _, name := range []string{"Location", "WWW-Authenticate"} {
		if v := w.Header().Get(name); v != "" {
			w.Header().Set(name, references.ReplaceAllString(v, ""))
		}
	}
}

// TestReference finds the reference of a client's error in the log and in the
// event, together with the reason that the client was not told.
func TestReference(t *testing.T) {
	t.Parallel()
	const query = "/oauth/authorize?response_type=token&client_id=conf&redirect_uri=https%3A%2F%2Fclient.example%2Fcb&state=xyz"
	for _, tc := range []struct{ name, method, target, body, reason string }{
		{"authorize, redirected", "GET", query, "", "response_type"},
		{"authorize, shown", "GET", "/oauth/authorize?client_id=conf&redirect_uri=https%3A%2F%2Fevil.example%2F", "", "redirect_uri_mismatch"},
		{"token", "POST", "/oauth/token", "grant_type=client_credentials&client_id=ghost&client_secret=x", "client_unknown"},
		{"revoke", "POST", "/oauth/revoke", "token=x&client_id=ghost&client_secret=x", "client_unknown"},
		{"introspect", "POST", "/oauth/introspect", "token=x&client_id=ghost&client_secret=x", "client_unknown"},
		{"resource", "GET", "/resource", "", "token_unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var log bytes.Buffer
			var events []engine.Event
			f := newFixture(t, func(c *engine.Config) {
				c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				c.Events = func(_ context.Context, e engine.Event) {
					mu.Lock()
					defer mu.Unlock()
					events = append(events, e)
				}
			})
			r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.target, strings.NewReader(tc.body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if tc.name == "resource" {
				r.Header.Set("Authorization", "Bearer nope")
			}
			w := httptest.NewRecorder()
			switch tc.name {
			case "revoke":
				f.srv.WriteError(w, r, f.srv.Revoke(r))
			case "introspect":
				_, err := f.srv.Introspect(r)
				f.srv.WriteError(w, r, err)
			case "resource":
				_, err := f.srv.Authenticate(r, "read")
				f.srv.WriteError(w, r, err)
			default:
				f.ServeHTTP(w, r)
			}
			require.NotEqual(t, http.StatusOK, w.Code)
			all := w.Body.String() + w.Header().Get("Location") + w.Header().Get("WWW-Authenticate")
			m := references.FindStringSubmatch(all)
			require.NotNil(t, m, all)
			require.Len(t, events, 1)
			assert.Equal(t, m[1], events[0].Err.Reference)
			assert.Equal(t, tc.reason, events[0].Reason)
			assert.Contains(t, log.String(), "ref="+m[1])
			assert.Contains(t, log.String(), "reason="+tc.reason)
		})
	}
}

func withoutReference(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = references.ReplaceAllString(v, "")
	}
	return out
}
