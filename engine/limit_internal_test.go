package engine

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// What the limits cost a request that they let through.
func BenchmarkLimits(b *testing.B) {
	s, err := New(Config{
		Model: memstore.New(), Issuer: "https://as.test", Scopes: []ScopeInfo{{Name: "read", Title: "Read"}},
		RateLimits: RateLimits{Address: model.Rate{Interval: 1, Burst: 1000}, Client: model.Rate{Interval: 1, Burst: 1000}},
		Logger:     slog.New(slog.DiscardHandler), Keys: [][]byte{make([]byte, 32)},
	})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/oauth/token", nil)
	c := &model.Client{ID: "web"}
	b.Run("address", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.limitAddress(r, atToken); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.limitClient(r, atToken, c, true); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("failures", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			attempt := s.guesses(r, atToken, clientCredentials{id: "web", method: model.AuthSecretBasic})
			if err := attempt.allowed(b.Context()); err != nil {
				b.Fatal(err)
			}
			if err := attempt.succeeded(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
