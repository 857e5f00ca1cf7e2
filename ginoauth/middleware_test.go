package ginoauth_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// parsesForm is a middleware that looks at the form, as loggers and CSRF
// middleware do.
func parsesForm(c *gin.Context) {
	_ = c.PostForm("anything")
	c.Next()
}

// The same requests get the same answers whether or not somebody parsed the
// form before.
func TestFormParsedBefore(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]gin.HandlerFunc{"untouched": nil, "parsed before": {parsesForm}} {
		t.Run("adapter-T4+attack-A08 "+name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.AllowBodyToken = true }, before...)
			token := a.userToken()
			assert.JSONEq(t, `{"user":"alice"}`, a.do("POST", "/api/notes", url.Values{"access_token": {token}}, nil).body)
			assert.Equal(t, http.StatusBadRequest, a.do("POST", "/api/notes", url.Values{"access_token": {token, token}}, nil).StatusCode)

			res, _ := a.token(clientForm)
			assert.Equal(t, http.StatusOK, res.StatusCode)
			res, m := a.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"read", "profile"}})
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
			assert.Equal(t, "A parameter is repeated.", m["error_description"])
			res, _ = a.token(url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {"https://a.test", "https://b.test"}})
			assert.Equal(t, http.StatusOK, res.StatusCode, "resource is the one that may repeat")

			q := authorizeQuery()
			assert.Equal(t, http.StatusSeeOther, a.do("POST", "/oauth/authorize", q, nil).StatusCode)
			q.Add("client_id", "web")
			res = a.do("POST", "/oauth/authorize", q, nil)
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
			assert.Contains(t, res.body, "The parameter client_id is repeated.")

			res = a.do("POST", "/oauth/token", clientForm, http.Header{"Authorization": {basic("web", secret)}, "Content-Type": {"multipart/form-data; boundary=x"}})
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		})
	}
}

// compressed is a middleware that puts a writer of its own in front, as gzip
// middleware does.
func compressed(c *gin.Context) {
	zip := gzip.NewWriter(c.Writer)
	c.Header("Content-Encoding", "gzip")
	c.Writer = &zipWriter{c.Writer, zip}
	c.Next()
	c.Header("Content-Length", "")
	_ = zip.Close()
}

type zipWriter struct {
	gin.ResponseWriter
	zip *gzip.Writer
}

func (w *zipWriter) Write(b []byte) (int, error) {
	w.Header().Del("Content-Length")
	return w.zip.Write(b)
}
func (w *zipWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }
func (w *zipWriter) WriteHeader(code int) {
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(code)
}

// buffered is a middleware that holds the answer back until the handlers are
// done, as timeout middleware does.
func buffered(c *gin.Context) {
	out := c.Writer
	w := &bufferWriter{ResponseWriter: out, header: http.Header{}, status: http.StatusOK}
	c.Writer = w
	c.Next()
	c.Writer = out
	for k, v := range w.header {
		out.Header()[k] = v
	}
	out.WriteHeader(w.status)
	_, _ = out.Write(w.body.Bytes())
}

type bufferWriter struct {
	gin.ResponseWriter
	header http.Header
	body   bytes.Buffer
	status int
	wrote  bool
}

func (w *bufferWriter) Header() http.Header { return w.header }
func (w *bufferWriter) WriteHeader(code int) {
	if code > 0 && !w.wrote {
		w.status = code
	}
}
func (w *bufferWriter) WriteHeaderNow() { w.wrote = true }
func (w *bufferWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.body.Write(b)
}
func (w *bufferWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }
func (w *bufferWriter) Status() int                       { return w.status }
func (w *bufferWriter) Written() bool                     { return w.wrote }
func (w *bufferWriter) Size() int                         { return w.body.Len() }

func TestWritersInFront(t *testing.T) {
	t.Parallel()
	for name, middleware := range map[string]gin.HandlerFunc{"compressed": compressed, "buffered": buffered} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil, middleware)
			plain := func(res answer) string {
				if res.Header.Get("Content-Encoding") != "gzip" || res.body == "" {
					return res.body
				}
				zip, err := gzip.NewReader(strings.NewReader(res.body))
				require.NoError(t, err)
				b, err := io.ReadAll(zip)
				require.NoError(t, err)
				return string(b)
			}
			// Go's client unpacks by itself unless told what it wants.
			h := func(kv ...string) http.Header {
				out := http.Header{"Accept-Encoding": {"gzip"}}
				for i := 0; i < len(kv); i += 2 {
					out.Set(kv[i], kv[i+1])
				}
				return out
			}
			a.signIn()
			res := a.do("GET", "/oauth/authorize?"+authorizeQuery().Encode(), nil, h())
			assert.Equal(t, http.StatusOK, res.StatusCode)
			page := plain(res)
			assert.Contains(t, page, "</html>")
			assert.Equal(t, "DENY", res.Header.Get("X-Frame-Options"))

			res = a.do("GET", "/oauth/authorize?client_id=nobody", nil, h())
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
			assert.Contains(t, plain(res), "There is no such client.")

			res = a.do("GET", "/oauth/authorize?"+authorizeQuery("scope", "admin").Encode(), nil, h())
			assert.Equal(t, http.StatusFound, res.StatusCode)
			assert.Equal(t, "invalid_scope", res.location(t).Query().Get("error"))

			res = a.do("POST", "/oauth/token", clientForm, h("Authorization", basic("web", secret)))
			assert.Equal(t, http.StatusOK, res.StatusCode)
			assert.Contains(t, plain(res), `"token_type":"Bearer"`)

			res = a.do("POST", "/oauth/token", clientForm, h("Authorization", basic("web", "wrong")))
			assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
			assert.Contains(t, plain(res), "invalid_client")
			assert.NotEmpty(t, res.Header.Get("WWW-Authenticate"))

			res = a.do("GET", "/api/notes", nil, h())
			assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
			assert.NotEmpty(t, res.Header.Get("WWW-Authenticate"))
		})
	}
}

type traceKey struct{}

// tracing is a store that looks for what a middleware put into the context.
type tracing struct {
	model.Model
	mu   sync.Mutex
	seen []any
}

func (s *tracing) GetClient(ctx context.Context, id string) (*model.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, ctx.Value(traceKey{}))
	return s.Model.GetClient(ctx, id)
}

func TestContextReachesTheModel(t *testing.T) {
	t.Parallel()
	t.Run("express-U1 the request's context, not Gin's", func(t *testing.T) {
		t.Parallel()
		store := &tracing{}
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			store.Model = c.Model
			c.Model = store
		}, func(c *gin.Context) {
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), traceKey{}, "trace-1"))
			c.Next()
		})
		a.userToken()
		store.mu.Lock()
		defer store.mu.Unlock()
		assert.GreaterOrEqual(t, len(store.seen), 3, "authorize, approve, token")
		for _, v := range store.seen {
			assert.Equal(t, "trace-1", v)
		}
	})

	t.Run("express-U1 a cancelled request is cancelled in the store", func(t *testing.T) {
		t.Parallel()
		cfg, opts := newConfig(t)
		oauth, err := ginoauth.New(cfg, opts)
		require.NoError(t, err)
		r := gin.New()
		oauth.Mount(r)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/oauth/token", strings.NewReader(clientForm.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Authorization", basic("web", secret))
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		assert.Equal(t, http.StatusInternalServerError, w.Code)
		assert.NotContains(t, w.Body.String(), "canceled")
	})
}

// An error middleware that renders after the handlers finds an answer already
// written, and errors that it can tell apart.
func TestErrorMiddleware(t *testing.T) {
	t.Parallel()
	t.Run("it sees the error as a value and need not write", func(t *testing.T) {
		t.Parallel()
		type finding struct {
			code    string
			written bool
		}
		found := make(chan finding, 1)
		a := newApp(t, nil, func(c *gin.Context) {
			c.Next()
			var e *engine.Error
			if last := c.Errors.Last(); last != nil && errors.As(last.Err, &e) {
				found <- finding{e.Code, c.Writer.Written()}
			}
		})
		res := a.do("GET", "/api/notes", nil, bearer("x"))
		assert.Equal(t, finding{"invalid_token", true}, <-found)
		assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
	})

	t.Run("an answer that is there already is left alone", func(t *testing.T) {
		t.Parallel()
		oauth := newApp(t, nil).oauth
		r := gin.New()
		r.GET("/", func(c *gin.Context) { c.String(http.StatusOK, "first") }, oauth.Authenticate("read"), func(*gin.Context) { t.Error("the guard let through") })
		w := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set("Authorization", "Bearer x") // its refusal has a body
		r.ServeHTTP(w, req)
		assert.Equal(t, "first", w.Body.String())
	})

	t.Run("recovery is not needed for what callbacks do", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			c.VerifyScope = func(context.Context, *model.Token, []string) (bool, error) { panic("marker-0815") }
		})
		res := a.do("GET", "/api/notes", nil, bearer(a.userToken()))
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		assert.JSONEq(t, `{"error":"server_error","error_description":"The server could not complete the request."}`, res.body)
	})
}
