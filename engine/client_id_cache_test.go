package engine_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

func TestClientIDDocumentCache(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return fixtureStart.Add(d).Format(http.TimeFormat) }
	for _, tt := range []struct {
		name   string
		header map[string]string
		kept   time.Duration
	}{
		{"no header", nil, 10 * time.Minute},
		{"max-age", map[string]string{"Cache-Control": "public, max-age=7200"}, 2 * time.Hour},
		{"max-age in quotes and capitals", map[string]string{"Cache-Control": `Max-Age="7200"`}, 2 * time.Hour},
		{"max-age wins over Expires", map[string]string{"Cache-Control": "max-age=7200", "Expires": at(time.Hour)}, 2 * time.Hour},
		{"s-maxage wins over max-age", map[string]string{"Cache-Control": "max-age=7200, s-maxage=3600"}, time.Hour},
		{"age counts", map[string]string{"Cache-Control": "max-age=7200", "Age": "3600"}, time.Hour},
		{"Expires", map[string]string{"Expires": at(time.Hour), "Date": at(0)}, time.Hour},
		{"Expires by the host's own clock", map[string]string{"Expires": at(5 * time.Hour), "Date": at(4 * time.Hour)}, time.Hour},
		{"Expires in the past", map[string]string{"Expires": at(-time.Hour), "Date": at(0)}, time.Minute},
		{"malformed Expires", map[string]string{"Expires": "0"}, time.Minute},
		{"no-store", map[string]string{"Cache-Control": "no-store"}, time.Minute},
		{"no-cache wins over max-age", map[string]string{"Cache-Control": "max-age=7200, no-cache"}, time.Minute},
		{"max-age=0", map[string]string{"Cache-Control": "max-age=0"}, time.Minute},
		{"malformed max-age", map[string]string{"Cache-Control": "max-age=-5"}, time.Minute},
		{"a year", map[string]string{"Cache-Control": "max-age=31536000"}, 24 * time.Hour},
		{"too large a number", map[string]string{"Cache-Control": "max-age=99999999999999999999"}, 24 * time.Hour},
	} {
		t.Run("CIMD-4.4 "+tt.name, func(t *testing.T) {
			t.Parallel()
			h := newDocumentHost(t)
			h.handle(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				_, _ = w.Write([]byte(appDocument(nil)))
			})
			f := newFixture(t, h.policy())
			f.page(t, byDocument()...)
			f.clock.Advance(tt.kept - time.Millisecond)
			f.page(t, byDocument()...)
			assert.EqualValues(t, 1, h.fetches.Load())
			f.clock.Advance(time.Millisecond)
			f.page(t, byDocument()...)
			assert.EqualValues(t, 2, h.fetches.Load())
		})
	}
	t.Run("CIMD-6 a host that is no longer allowed is refused though its document is kept", func(t *testing.T) {
		t.Parallel()
		allowed := true
		f := newFixture(t, newDocumentHost(t).policy(func(p *engine.ClientIDDocumentPolicy) { p.AllowHost = func(string) bool { return allowed } }))
		f.page(t, byDocument()...)
		allowed = false
		f.assertNoClient(t, http.StatusBadRequest, "invalid_client", "does not allow the host")
	})
}

// FuzzClientIDDocument sends documents: what is taken is a public client that
// has no more than the policy gives.
func FuzzClientIDDocument(f *testing.F) {
	for _, seed := range []string{appDocument(nil), `{"client_id":"` + docID + `","redirect_uris":["http://localhost/"]}`, `{}`, `[]`, `null`, `{"client_id":null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c, err := engine.ReadDocument("read", docID, []byte(body))
		if err != nil {
			return
		}
		require.NoError(t, c.Validate())
		if c.ID != docID || !c.Public || !c.SelfRegistered || c.SkipConsent || c.Disabled || len(c.Secrets) > 0 || c.Scope != "" && c.Scope != "read" || len(c.RedirectURIs) == 0 {
			t.Fatalf("%q makes %+v", body, c)
		}
		for _, g := range c.Grants {
			if g != "authorization_code" && g != "refresh_token" {
				t.Fatalf("%q may use %q", body, g)
			}
		}
	})
}
