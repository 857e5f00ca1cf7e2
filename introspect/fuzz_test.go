package introspect_test

import (
	"testing"

	"github.com/gin-oauth/gin-oauth-server/introspect"
)

// FuzzParse feeds the verifier answers: whatever comes, an error or a token that
// is fit to be compared, and never both.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"active":false}`, `{"active":true,"scope":"read write","aud":["https://a.test/","https://b.test/"],"exp":1e9,"iat":1}`, `{"active":true,"aud":"x"}`, `[]`, ``} {
		f.Add([]byte(s))
	}
	v, err := introspect.New(introspect.Config{Endpoint: "https://as.test/", ClientID: "a", ClientSecret: "b"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tok, err := v.Parse(body)
		if err != nil && tok != nil {
			t.Fatal("both an error and a token")
		}
		if tok != nil && tok.AccessExpiresAt.IsZero() {
			t.Fatal("a token that never ends")
		}
	})
}
