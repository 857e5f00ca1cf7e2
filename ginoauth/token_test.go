package ginoauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// withPassword turns the password grant on, for alice.
func withPassword(c *engine.Config, _ *ginoauth.Options) {
	c.CheckPassword = func(_ context.Context, _ *model.Client, username, password string) (*model.User, error) {
		if username != "alice" || password != "wonderland" {
			return nil, model.ErrNoUser
		}
		return &model.User{ID: "alice"}, nil
	}
}

var (
	passwordForm = url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"wonderland"}, "scope": {"read"}}
	clientForm   = url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}
)

func TestTokenAnswers(t *testing.T) {
	t.Parallel()

	t.Run("adapter-T1+express-T1+express-T2+express-T3 password grant", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, withPassword)
		res, m := a.token(passwordForm)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
		assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		assert.Equal(t, "no-cache", res.Header.Get("Pragma"))
		assert.Len(t, m["access_token"], 64)
		assert.Len(t, m["refresh_token"], 64)
		assert.Equal(t, "Bearer", m["token_type"])
		assert.InDelta(t, 3600, m["expires_in"], 0)
		assert.Equal(t, "read", m["scope"])
		assert.JSONEq(t, `{"user":"alice"}`, a.do("GET", "/api/notes", nil, bearer(m["access_token"].(string))).body)
	})

	t.Run("adapter-T1 the password grant is off by default", func(t *testing.T) {
		t.Parallel()
		res, m := newApp(t, nil).token(passwordForm)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.Equal(t, "unsupported_grant_type", m["error"])
	})

	t.Run("adapter-T2 client_credentials has no refresh token", func(t *testing.T) {
		t.Parallel()
		res, m := newApp(t, nil).token(clientForm)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.NotContains(t, m, "refresh_token")
	})

	t.Run("adapter-T12 extended attributes are in the answer", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			c.TokenAttributes = func(context.Context, *model.Token) (map[string]any, error) {
				return map[string]any{"tenant": "<acme>"}, nil
			}
		})
		_, m := a.token(clientForm)
		assert.Equal(t, "<acme>", m["tenant"])
	})

	t.Run("express-T2 the code of the consent page", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		_, m := a.token(exchange(a.code()))
		assert.Equal(t, "read", m["scope"])
		_, next := a.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {m["refresh_token"].(string)}})
		assert.NotEqual(t, m["refresh_token"], next["refresh_token"])
	})
}

func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	web := basic("web", secret)
	post := func(over ...string) url.Values {
		f := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}
		for i := 0; i < len(over); i += 2 {
			f.Set(over[i], over[i+1])
		}
		return f
	}
	const challenge = `Basic realm="oauth"`
	for _, tt := range []struct {
		name          string
		method        string
		form          url.Values
		authorization string
		contentType   string
		status        int
		code          string
		challenge     string
	}{
		{name: "adapter-T3 GET", method: "GET", authorization: web, status: 405, code: "invalid_request"},
		{name: "adapter-T4 JSON", form: post(), contentType: "application/json", authorization: web, status: 400, code: "invalid_request"},
		{name: "adapter-T4 multipart", form: post(), contentType: "multipart/form-data; boundary=x", authorization: web, status: 400, code: "invalid_request"},
		{name: "adapter-T5 no client credentials", form: post(), status: 400, code: "invalid_client"},
		{name: "adapter-T5 client_id only", form: post("client_id", "web"), status: 400, code: "invalid_client"},
		{name: "adapter-T6 bad secret in the body", form: post("client_id", "web2", "client_secret", "wrong"), status: 400, code: "invalid_client"},
		{name: "adapter-T7 bad secret by Basic", form: post(), authorization: basic("web", "wrong"), status: 401, code: "invalid_client", challenge: challenge},
		{name: "adapter-T7 unknown client by Basic", form: post(), authorization: basic("nobody", secret), status: 401, code: "invalid_client", challenge: challenge},
		{name: "adapter-T8 no grant_type", form: url.Values{"scope": {"read"}}, authorization: web, status: 400, code: "invalid_request"},
		{name: "adapter-T8 unknown grant_type", form: post("grant_type", "implicit"), authorization: web, status: 400, code: "unsupported_grant_type"},
		{name: "adapter-T9 wrong user password", form: url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"x"}, "scope": {"read"}}, authorization: web, status: 400, code: "invalid_grant"},
		{name: "adapter-T10 unknown code", form: exchange(strings.Repeat("A", 64)), authorization: web, status: 400, code: "invalid_grant"},
		{name: "adapter-T10 more scope than the client may have", form: post("scope", "write"), authorization: web, status: 400, code: "invalid_scope"},
		{name: "adapter-T10 a form beyond 64 kB", form: post("x", strings.Repeat("x", 64<<10)), authorization: web, status: 413, code: "invalid_request"},
		{name: "attack-A08 a parameter twice", form: url.Values{"grant_type": {"client_credentials", "client_credentials"}}, authorization: web, status: 400, code: "invalid_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, withPassword)
			h := http.Header{}
			if tt.authorization != "" {
				h.Set("Authorization", tt.authorization)
			}
			if tt.contentType != "" {
				h.Set("Content-Type", tt.contentType)
			}
			method := tt.method
			if method == "" {
				method = "POST"
			}
			res := a.do(method, "/oauth/token", tt.form, h)
			assert.Equal(t, tt.status, res.StatusCode, res.body)
			var m map[string]string
			require.NoError(t, json.Unmarshal([]byte(res.body), &m))
			assert.Equal(t, tt.code, m["error"])
			assert.NotEmpty(t, m["error_description"])
			assert.Equal(t, tt.challenge, res.Header.Get("WWW-Authenticate"))
			assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
			assert.Equal(t, "no-store", res.Header.Get("Cache-Control"), "adapter-T10")
			assert.Zero(t, a.events.count(engine.EventIssued))
		})
	}
}

// A refusal spends nothing: the code is still good afterwards.
func TestTokenRefusalSpendsNothing(t *testing.T) {
	t.Parallel()
	t.Run("adapter-T6+adapter-T7 wrong client credentials", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		form := exchange(a.code())
		res := a.do("POST", "/oauth/token", form, http.Header{"Authorization": {basic("web", "wrong")}})
		require.Equal(t, http.StatusUnauthorized, res.StatusCode)
		res, _ = a.token(form)
		assert.Equal(t, http.StatusOK, res.StatusCode)
	})
}

func TestTokenSaveFails(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]url.Values{
		"adapter-T11 password":           passwordForm,
		"adapter-T11 client_credentials": clientForm,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *engine.Config, o *ginoauth.Options) {
				withPassword(c, o)
				c.Model = faulty{c.Model, func(verb string) error {
					if verb == "SaveToken" {
						return errors.New("postgres://user:marker-90cd@db/prod is down")
					}
					return nil
				}}
			})
			res, m := a.token(form)
			assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
			assert.Equal(t, map[string]any{"error": "server_error", "error_description": "The server could not complete the request."}, m)
		})
	}
}

func TestTokenEndsTheChain(t *testing.T) {
	t.Parallel()
	oauth := newApp(t, nil).oauth
	for _, tt := range []struct {
		name          string
		authorization string
		status        int
	}{
		{"express-U6+express-U7+express-U8 after a token", basic("web", secret), 200},
		{"express-U6+express-U7 after an error", basic("web", "wrong"), 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := gin.New()
			r.POST("/token", oauth.Token(), func(*gin.Context) { t.Error("the next handler ran") })
			req := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(clientForm.Encode()))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Authorization", tt.authorization)
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			assert.Equal(t, tt.status, w.Code)
			assert.True(t, json.Valid(w.Body.Bytes()), "one answer")
		})
	}
}

// What continueMiddleware was for: the event hook sees what was issued, after
// the fact and without secrets.
func TestEventsSeeWhatWasIssued(t *testing.T) {
	t.Parallel()
	t.Run("express-U4+express-U7+express-Z1 events in place of continueMiddleware", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, nil)
		a.userToken()
		assert.Equal(t, 1, a.events.count(engine.EventAuthorized))
		require.Equal(t, 1, a.events.count(engine.EventIssued))
		events := a.events.all()
		last := events[len(events)-1]
		assert.Equal(t, "web", last.ClientID)
		assert.Equal(t, "alice", last.UserID)
		assert.Equal(t, model.Scope("read"), last.Scope)
		assert.Equal(t, events[0].GrantID, last.GrantID, "one grant")
	})
}
