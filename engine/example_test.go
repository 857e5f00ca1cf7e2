package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// exampleConfig is a store with one client and the three things that a
// configuration needs; the logger is quiet.
func exampleConfig() engine.Config {
	store := memstore.New()
	err := store.AddClient(model.Client{
		ID: "web", Name: "Web", Secrets: model.HashSecrets("s3cret"),
		RedirectURIs: []string{"https://web.example/callback"},
		Grants:       []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials, "urn:example:voucher"},
		Scope:        "read write",
	})
	if err != nil {
		panic(err)
	}
	return engine.Config{
		Model:  store,
		Issuer: "https://auth.example",
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}, {Name: "write", Title: "Write notes"}},
		Logger: slog.New(slog.DiscardHandler),
	}
}

// tokenRequest is a token request of the client of exampleConfig.
func tokenRequest(form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("web", "s3cret")
	return r
}

// New tells everything that is wrong with a configuration at once.
func ExampleNew() {
	_, err := engine.New(engine.Config{Issuer: "http://auth.example", TokenPrefix: "my token"})
	fmt.Println(strings.Count(err.Error(), "\n")+1 > 3)
	fmt.Println(strings.Contains(err.Error(), "engine: Config.Model is missing: set a store, such as memstore.New()"))
	// Output:
	// true
	// true
}

// The whole of the authorization code flow, without a web framework.
func Example() {
	srv, err := engine.New(exampleConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {"web"}, "redirect_uri": {"https://web.example/callback"}, "scope": {"read"}, "state": {"xyz"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}

	// The browser comes: validate, show a page, take the answer, redirect.
	ctx := context.Background()
	req, err := srv.AuthorizeRequest(httptest.NewRequest(http.MethodGet, "/oauth/authorize?"+query.Encode(), nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	alice := &model.User{ID: "alice"}
	form, err := srv.Seal(req, alice) // goes into a hidden field of the page
	if err != nil {
		fmt.Println(err)
		return
	}
	if req, err = srv.Open(ctx, form, alice); err != nil { // comes back with the decision
		fmt.Println(err)
		return
	}
	res, err := srv.Approve(ctx, req, alice, req.Scope)
	if err != nil {
		fmt.Println(err)
		return
	}

	// The client comes: exchange the code, call the API.
	location, err := url.Parse(res.Location)
	if err != nil {
		fmt.Println(err)
		return
	}
	tok, err := srv.Token(tokenRequest(url.Values{
		"grant_type": {"authorization_code"}, "code": {location.Query().Get("code")},
		"redirect_uri": {"https://web.example/callback"}, "code_verifier": {verifier},
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	call := httptest.NewRequest(http.MethodGet, "/api/notes", nil)
	call.Header.Set("Authorization", "Bearer "+tok.AccessToken)
	t, err := srv.Authenticate(call, "read")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(t.UserID, t.ClientID, t.Scope, tok.ExpiresIn)
	// Output:
	// alice web read 3600
}

// A token request and its answer, as an HTTP handler.
func ExampleServer_Token() {
	srv, err := engine.New(exampleConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := srv.Token(r)
		if err != nil {
			srv.WriteError(w, r, err)
			return
		}
		srv.WriteToken(w, r, res)
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}))
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(w.Code, body["token_type"], body["expires_in"], body["scope"], len(body["access_token"].(string)))

	w = httptest.NewRecorder()
	handler.ServeHTTP(w, tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}))
	fmt.Println(w.Code, references.ReplaceAllString(w.Body.String(), "")) // without the reference, which is random
	// Output:
	// 200 Bearer 3600 read 64
	// 400 {"error":"invalid_scope","error_description":"The scope has a value that is not known here."}
}

// Authenticate guards a resource with plain net/http.
func ExampleServer_Authenticate() {
	srv, err := engine.New(exampleConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	notes := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := srv.Authenticate(r, "read"); err != nil {
			srv.WriteError(w, r, err)
			return
		}
		fmt.Fprintln(w, "your notes")
	})
	w := httptest.NewRecorder()
	notes.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/notes", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output:
	// 401 Bearer realm="oauth", scope="read"
}

// An extension grant only decides; the rest is done for it.
func ExampleGrantFunc() {
	cfg := exampleConfig()
	cfg.Grants = map[string]engine.Grant{
		"urn:example:voucher": engine.GrantFunc(func(_ context.Context, req *engine.TokenRequest) (*engine.Decision, error) {
			if req.Param("voucher") != "GOLDEN" {
				return nil, &engine.Error{Code: engine.CodeInvalidGrant, Description: "The voucher is not valid."}
			}
			return &engine.Decision{UserID: "charlie", NoRefreshToken: true}, nil
		}),
	}
	srv, err := engine.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := srv.Token(tokenRequest(url.Values{"grant_type": {"urn:example:voucher"}, "voucher": {"GOLDEN"}, "scope": {"read"}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Token.UserID, res.Token.Scope)
	_, err = srv.Token(tokenRequest(url.Values{"grant_type": {"urn:example:voucher"}, "voucher": {"paper"}, "scope": {"read"}}))
	fmt.Println(err)
	// Output:
	// charlie read
	// invalid_grant: The voucher is not valid.
}

// A policy narrows what a client gets; what it returns beyond the request is cut
// off.
func ExampleConfig_validateScope() {
	cfg := exampleConfig()
	cfg.ValidateScope = func(_ context.Context, req engine.ScopeRequest) (model.Scope, error) {
		if req.GrantType == model.GrantClientCredentials {
			return "read", nil // machines read only
		}
		return req.Scope, nil
	}
	srv, err := engine.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := srv.Token(tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"read write"}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Token.Scope)
	// Output:
	// read
}

// Events tell what happens, with ids and reasons and never a secret.
func ExampleEvent() {
	cfg := exampleConfig()
	cfg.Events = func(_ context.Context, e engine.Event) {
		fmt.Printf("%s at %s of %s: %q\n", e.Type, e.Endpoint, e.ClientID, e.Reason)
	}
	srv, err := engine.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, secret := range []string{"s3cret", "guess"} {
		r := tokenRequest(url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
		r.SetBasicAuth("web", secret)
		if _, err := srv.Token(r); err != nil {
			var e *engine.Error
			fmt.Println(errors.As(err, &e) && e.Code == engine.CodeInvalidClient, e.HTTPStatus())
		}
	}
	// Output:
	// issued at token of web: ""
	// refused at token of web: "client_secret"
	// true 401
}

// An application prints at its start what somebody should have decided
// knowingly.
func ExampleCheck() {
	cfg := engine.Config{
		Model: memstore.New(), Issuer: "https://auth.example.com",
		Scopes:          []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
		Keys:            [][]byte{make([]byte, 32)}, // random ones, in earnest
		AllowQueryToken: true,
	}
	for _, f := range engine.Check(cfg) {
		fmt.Println(f.ID, f.Fatal)
		fmt.Println(f)
	}
	// Output:
	// query-token false
	// Config.AllowQueryToken takes tokens from URLs, which logs, histories and Referer headers see: have the clients send the Authorization header (RFC 9700, section 4.3.2)
}
