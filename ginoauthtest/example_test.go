package ginoauthtest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/ginoauthtest"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// exampleTest stands for the t of a test function.
type exampleTest struct{ testing.TB }

func (exampleTest) Helper()                  {}
func (exampleTest) Context() context.Context { return context.Background() }

func newNotes() (*gin.Engine, *ginoauth.Server) {
	store := memstore.New()
	if err := store.AddClient(model.Client{
		ID: "cron", Secrets: model.HashSecrets("cron-secret-0123456789abcdef"),
		Grants: []string{model.GrantClientCredentials}, Scope: "read",
	}); err != nil {
		panic(err)
	}
	oauth, err := ginoauth.New(engine.Config{
		Model: store, Issuer: "https://notes.example", Logger: slog.New(slog.DiscardHandler),
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}, {Name: "write", Title: "Add notes"}},
	}, ginoauth.Options{})
	if err != nil {
		panic(err)
	}
	r := gin.New()
	r.GET("/api/notes", oauth.Authenticate("read"), oauth.RequireUser(), func(c *gin.Context) {
		c.String(http.StatusOK, "notes of %s", ginoauth.TokenFrom(c).UserID)
	})
	return r, oauth
}

func call(h http.Handler, token string) {
	req := httptest.NewRequest(http.MethodGet, "/api/notes", nil)
	ginoauthtest.Authorize(req, token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	if w.Code == http.StatusOK {
		fmt.Println(w.Code, w.Body)
	} else {
		fmt.Println(w.Code, http.StatusText(w.Code))
	}
}

// A test of a guarded route, and of what happens with too little scope.
func ExampleToken() {
	t := exampleTest{} // the test's own *testing.T
	r, oauth := newNotes()

	call(r, ginoauthtest.Token(t, oauth, "alice", "read"))
	call(r, ginoauthtest.Token(t, oauth, "alice", "write"))
	// Output:
	// 200 notes of alice
	// 403 Forbidden
}

// A route for users refuses a client that acts for itself.
func ExampleClientToken() {
	t := exampleTest{} // the test's own *testing.T
	r, oauth := newNotes()

	call(r, ginoauthtest.ClientToken(t, oauth, "cron", "read"))
	// Output: 403 Forbidden
}

// Everything that can be asked for: here a registered client and a lifetime.
func ExampleIssue() {
	t := exampleTest{} // the test's own *testing.T
	r, oauth := newNotes()

	call(r, ginoauthtest.Issue(t, oauth, engine.Issue{
		ClientID: "cron", UserID: "bob", Scope: "read", Lifetime: time.Minute,
	}))
	// Output: 200 notes of bob
}
