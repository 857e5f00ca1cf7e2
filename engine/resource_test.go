package engine_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

func bodyToken(c *engine.Config)  { c.AllowBodyToken = true }
func queryToken(c *engine.Config) { c.AllowQueryToken = true }
func bothTokens(c *engine.Config) { c.AllowBodyToken, c.AllowQueryToken = true, true }

// The token in the body or in the query: not read at all unless allowed.
func TestBearerElsewhere(t *testing.T) {
	t.Parallel()
	const (
		twoWays   = `, error="invalid_request", error_description="The token must be sent in one way only."`
		repeated  = `, error="invalid_request", error_description="The parameter access_token is repeated."`
		badMethod = `, error="invalid_request", error_description="A token in the body needs a method that has one."`
		badForm   = `, error="invalid_request", error_description="The parameters are malformed: malformed form encoding."`
	)
	const form, json, multi = formType, "application/json", "multipart/form-data; boundary=x"
	jsonBody := `{"access_token":"$"}`
	multiBody := "--x\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\n$\r\n--x--\r\n"
	tests := []struct {
		name                        string
		option                      func(*engine.Config)
		method, query, header, body string // $ stands for a good token
		contentType                 string
		status                      int
		code, rest                  string
	}{
		{"A17 header and query: the query is not read", nil, "GET", "access_token=$", "Bearer $", "", "", 200, "", ""},
		{"A17+6750-2 header and query", queryToken, "GET", "access_token=$", "Bearer $", "", "", 400, "invalid_request", twoWays},
		{"A18 header and body: the body is not read", nil, "POST", "", "Bearer $", "access_token=$", form, 200, "", ""},
		{"A18+6750-2 header and body", bodyToken, "POST", "", "Bearer $", "access_token=$", form, 400, "invalid_request", twoWays},
		{"A19+6750-2 body and query", bothTokens, "POST", "access_token=$", "", "access_token=$", form, 400, "invalid_request", twoWays},
		{"A20 another scheme is no way of sending a token", queryToken, "GET", "access_token=$", "Basic YTpi", "", "", 200, "", ""},
		{"A21+attack-J04+2.1-5.1 query alone: not read", nil, "GET", "access_token=$", "", "", "", 401, "", ""},
		{"A22 query", queryToken, "GET", "access_token=$", "", "", "", 200, "", ""},
		{"A23+6749-3.1 an empty one in the query", queryToken, "GET", "access_token=", "", "", "", 401, "", ""},
		{"A24 no b64token in the query", queryToken, "GET", "access_token=a%20b%22c", "", "", "", 400, "invalid_request", malformed},
		{"A25+6750-3.1 twice in the query", queryToken, "GET", "access_token=$&access_token=x", "", "", "", 400, "invalid_request", repeated},
		{"A25 malformed query", queryToken, "GET", "access_token=$&x=%zz", "", "", "", 400, "invalid_request", badForm},
		{"A26 POST form: not read", nil, "POST", "", "", "access_token=$", form, 401, "", ""},
		{"A26+6750-2.2 POST form", bodyToken, "POST", "", "", "access_token=$&x=1", form, 200, "", ""},
		{"A27 PUT form", bodyToken, "PUT", "", "", "access_token=$", form, 200, "", ""},
		{"A27 PATCH form", bodyToken, "PATCH", "", "", "access_token=$", form, 200, "", ""},
		{"A28+6750-2.2 GET with a form", bodyToken, "GET", "", "", "access_token=$", form, 400, "invalid_request", badMethod},
		{"A29+6750-2.2 HEAD with a form", bodyToken, "HEAD", "", "", "access_token=$", form, 400, "invalid_request", badMethod},
		{"A29+6750-2.2 DELETE with a form", bodyToken, "DELETE", "", "", "access_token=$", form, 400, "invalid_request", badMethod},
		{"A29+6750-2.2 OPTIONS with a form", bodyToken, "OPTIONS", "", "", "access_token=$", form, 400, "invalid_request", badMethod},
		{"A29 method get in small letters", bodyToken, "get", "", "", "access_token=$", form, 400, "invalid_request", badMethod},
		{"A30 JSON is no place for a token", bodyToken, "POST", "", "", jsonBody, json, 401, "", ""},
		{"A31+6750-2.2 multipart is no place for a token", bodyToken, "POST", "", "", multiBody, multi, 401, "", ""},
		{"A32+M16 charset", bodyToken, "POST", "", "", "access_token=$", form + "; charset=utf-8", 200, "", ""},
		{"M16 letter case of the media type", bodyToken, "POST", "", "", "access_token=$", "Application/X-WWW-Form-URLEncoded", 200, "", ""},
		{"M16 no body", bodyToken, "POST", "", "", "", "", 401, "", ""},
		{"A24 no b64token in the body", bodyToken, "POST", "", "", "access_token=a%00", form, 400, "invalid_request", malformed},
		{"A25 twice in the body", bodyToken, "POST", "", "", "access_token=$&access_token=$", form, 400, "invalid_request", repeated},
		{"A26 a form without one", bodyToken, "POST", "", "", "x=1", form, 401, "", ""},
		{"A26 a malformed form", bodyToken, "POST", "", "", "access_token=$&x=%", form, 400, "invalid_request", badForm},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.option != nil {
				f = newFixture(t, tt.option)
			}
			access := f.putToken(t, nil)
			fill := func(s string) string { return strings.ReplaceAll(s, "$", access) }
			r := httptest.NewRequest(http.MethodGet, issuer+"/resource?"+fill(tt.query), strings.NewReader(fill(tt.body)))
			r.Method = tt.method
			if tt.header != "" {
				r.Header.Set("Authorization", fill(tt.header))
			}
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			a := f.resource(r)
			if tt.status != http.StatusOK {
				a.assertChallenge(t, tt.status, tt.code, tt.rest)
				assert.Zero(t, f.store.count("GetAccessToken"))
				return
			}
			require.Equal(t, http.StatusOK, a.Code, a.Body)
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Equal(t, fill(tt.body), string(body), "the handler can read the body")
			want := ""
			if f.srv.Config().AllowQueryToken {
				want = "private"
			}
			assert.Equal(t, want, a.Header().Get("Cache-Control"), "A22+6750-2.3")
		})
	}
	t.Run("A26 a form that a middleware parsed before", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, bodyToken)
		access := f.putToken(t, nil)
		r := post("/resource", url.Values{"access_token": {access}})
		require.NoError(t, r.ParseForm())
		assert.Equal(t, http.StatusOK, f.resource(r).Code)
		r = post("/resource", url.Values{"access_token": {access, access}})
		require.NoError(t, r.ParseForm())
		f.resource(r).assertChallenge(t, 400, "invalid_request", repeated)
	})
	t.Run("A26 a body of more than 64 kB", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, bodyToken)
		r := post("/resource", url.Values{"access_token": {f.putToken(t, nil)}, "x": {strings.Repeat("x", 65<<10)}})
		f.resource(r).assertError(t, http.StatusRequestEntityTooLarge, "invalid_request")
	})
}

func TestResourceScope(t *testing.T) {
	t.Parallel()
	noScope := func(t *model.Token) { t.Scope, t.GrantScope = "", "" }
	policy := func(ok bool, err error) func(*engine.Config) {
		return func(c *engine.Config) {
			c.VerifyScope = func(context.Context, *model.Token, []string) (bool, error) { return ok, err }
		}
	}
	server := func(scope model.Scope) func(*engine.Config) {
		return func(c *engine.Config) { c.ResourceScope = scope }
	}
	omit := func(accepted, authorized bool) func(*engine.Config) {
		return func(c *engine.Config) {
			c.OmitAcceptedScopesHeader, c.OmitAuthorizedScopesHeader = accepted, authorized
		}
	}
	lacks := func(scope string) string {
		return `, error="insufficient_scope", error_description="The access token lacks a scope.", scope="` + scope + `"`
	}
	read := []string{"read"}
	tests := []struct {
		name                 string
		option               func(*engine.Config)
		scopes               []string
		token                func(*model.Token)
		status               int
		accepted, authorized string // headers
		code, rest           string
	}{
		{"A40+K13 one of the token's", nil, read, nil, 200, "read", "read write", "", ""},
		{"A41 all of the token's", nil, []string{"read", "write"}, nil, 200, "read write", "read write", "", ""},
		{"A42+K12+6750-3.1+6749-7 another", nil, []string{"admin"}, nil, 403, "", "", "insufficient_scope", lacks("admin")},
		{"A42 one of two is missing", nil, []string{"read", "admin"}, nil, 403, "", "", "insufficient_scope", lacks("read admin")},
		{"A42 a part of a name is not the name", nil, []string{"rea"}, nil, 403, "", "", "insufficient_scope", lacks("rea")},
		{"A43 a token without scope", nil, read, noScope, 403, "", "", "insufficient_scope", lacks("read")},
		{"A44+A45 a token without scope, VerifyScope says yes", policy(true, nil), read, noScope, 200, "", "", "", ""},
		{"A46 without X-Accepted-OAuth-Scopes", omit(true, false), read, nil, 200, "", "read write", "", ""},
		{"A47 without X-OAuth-Scopes", omit(false, true), read, nil, 200, "read", "", "", ""},
		{"A48 without both", omit(true, true), read, nil, 200, "", "", "", ""},
		{"A49+A51 no scope required", nil, nil, nil, 200, "", "", "", ""},
		{"A52 a required scope that is none is had by nobody", nil, []string{""}, nil, 403, "", "", "insufficient_scope", lacks("")},
		{"A50 an expired token that also lacks the scope", nil, []string{"admin"}, expired, 401, "", "", "invalid_token", hasEnded + `, scope="admin"`},
		{"A56 the route's scope counts, not the server's", server("admin"), read, nil, 200, "read", "read write", "", ""},
		{"A57 the server's scope for a route without", server("admin"), nil, nil, 403, "", "", "insufficient_scope", lacks("admin")},
		{"A57 the server's scope, which the token has", server("read write"), nil, nil, 200, "read write", "read write", "", ""},
		{"A40 VerifyScope says no", policy(false, nil), read, nil, 403, "", "", "insufficient_scope", lacks("read")},
		{"A54 VerifyScope refuses by itself", policy(false, &engine.Error{Code: "insufficient_scope", Description: "Paid plan."}), read, nil, 403, "", "", "insufficient_scope", `, error="insufficient_scope", error_description="Paid plan.", scope="read"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.option != nil {
				f = newFixture(t, tt.option)
			}
			a := f.resource(rs("Bearer "+f.putToken(t, tt.token)), tt.scopes...)
			if tt.status != http.StatusOK {
				a.assertChallenge(t, tt.status, tt.code, tt.rest)
				ev := f.lastEvent(t)
				assert.Equal(t, "alice", ev.UserID)
				assert.Equal(t, "conf", ev.ClientID)
				return
			}
			require.Equal(t, http.StatusOK, a.Code, a.Body)
			assert.Equal(t, tt.accepted, a.Header().Get("X-Accepted-OAuth-Scopes"))
			assert.Equal(t, tt.authorized, a.Header().Get("X-OAuth-Scopes"))
		})
	}
	t.Run("A40+A50 what VerifyScope is asked, and when not", func(t *testing.T) {
		t.Parallel()
		var asked [][]string
		f := newFixture(t, func(c *engine.Config) {
			c.VerifyScope = func(_ context.Context, _ *model.Token, required []string) (bool, error) {
				asked = append(asked, required)
				return true, nil
			}
		})
		f.resource(rs("Bearer "+f.putToken(t, nil)), "read", "admin")
		f.resource(rs("Bearer "+f.putToken(t, expired)), "read")
		f.resource(rs("Bearer " + f.putToken(t, nil)))
		assert.Equal(t, [][]string{{"read", "admin"}}, asked)
	})
	t.Run("A53 VerifyScope fails", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, policy(true, errors.New("policy down")))
		a := f.resource(rs("Bearer "+f.putToken(t, nil)), "read")
		a.assertError(t, http.StatusInternalServerError, "server_error")
		assert.NotContains(t, a.Body.String(), "down")
	})
	t.Run("A01+A42 the challenge for nobody names the scope", func(t *testing.T) {
		t.Parallel()
		newFixture(t).resource(rs(""), "read", "write").assertChallenge(t, 401, "", `, scope="read write"`)
	})
	t.Run("6750-3 the realm is the configuration's", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, func(c *engine.Config) { c.Realm = "notes api" })
		assert.Equal(t, `Bearer realm="notes api"`, f.resource(rs("")).Header().Get("WWW-Authenticate"))
	})
}

// A route that needs a user is not opened by a client that acts for itself.
func TestRequireUser(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	require.NoError(t, f.store.AddClient(model.Client{
		ID: "alice", Secrets: model.HashSecrets("s3cret"), Grants: []string{model.GrantClientCredentials}, Scope: "read",
	}))
	access, _ := f.token("alice", "s3cret", model.GrantClientCredentials, "scope=read").tokens(t)
	t.Run("attack-J08+attack-O06+9700-4.15.1+9700-2.6 a client named like a user is no user", func(t *testing.T) {
		t.Parallel()
		tok, err := f.srv.Authenticate(rs("Bearer "+access), "read")
		require.NoError(t, err)
		assert.Equal(t, "alice", tok.ClientID)
		assert.Empty(t, tok.UserID)
		a := f.writeError(rs(""), f.srv.RequireUser(context.Background(), tok))
		a.assertChallenge(t, 403, "insufficient_scope", `, error="insufficient_scope", error_description="This resource needs a token of a user."`)
	})
	t.Run("attack-J08 a token of a user", func(t *testing.T) {
		t.Parallel()
		tok, err := f.srv.Authenticate(rs("Bearer " + f.putToken(t, nil)))
		require.NoError(t, err)
		assert.NoError(t, f.srv.RequireUser(context.Background(), tok))
	})
	t.Run("attack-J08 no token at all", func(t *testing.T) {
		t.Parallel()
		assert.Error(t, f.srv.RequireUser(context.Background(), nil))
	})
}
