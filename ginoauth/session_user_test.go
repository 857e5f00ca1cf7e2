package ginoauth_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	sessionmemstore "github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

type (
	stringID string
	intID    int32
)

// The values are set in the request that reads them, so that none has to go
// through a serializer.
func TestSessionUserValues(t *testing.T) {
	t.Parallel()
	read := ginoauth.SessionUser("user_id")
	for _, c := range []struct {
		value any
		want  string // "": nobody
		fault string
	}{
		{value: "alice", want: "alice"},
		{value: stringID("bob"), want: "bob"},
		{value: 7, want: "7"},
		{value: int8(-7), want: "-7"},
		{value: int16(7), want: "7"},
		{value: int32(7), want: "7"},
		{value: int64(1<<63 - 1), want: "9223372036854775807"},
		{value: intID(7), want: "7"},
		{value: uint(7), want: "7"},
		{value: uint8(7), want: "7"},
		{value: uint16(7), want: "7"},
		{value: uint32(7), want: "7"},
		{value: uint64(1<<64 - 1), want: "18446744073709551615"},
		{value: nil},
		{value: ""},
		{value: 0},
		{value: uint(0)},
		{value: 7.0, fault: `session key "user_id" has a value of type float64`},
		{value: true, fault: "bool"},
		{value: []byte("alice"), fault: "[]uint8"},
		{value: map[string]string{"id": "secret"}, fault: "map[string]string"},
		{value: &model.User{ID: "secret"}, fault: "*model.User"},
	} {
		r := gin.New()
		r.GET("/", sessions.Sessions("app", cookie.NewStore(sessionKey)), func(g *gin.Context) {
			sessions.Default(g).Set("user_id", c.value)
			status(g, read)
		})
		w := get(r, "/", "")
		switch {
		case c.fault != "":
			assert.Equal(t, http.StatusInternalServerError, w.Code)
			assert.Contains(t, w.Body.String(), c.fault)
			assert.NotContains(t, w.Body.String(), "secret")
		case c.want == "":
			assert.Equal(t, http.StatusUnauthorized, w.Code, "%#v", c.value)
		default:
			var user model.User
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &user))
			assert.Equal(t, model.User{ID: c.want}, user)
		}
	}
}

func TestSessionUserFaults(t *testing.T) {
	t.Parallel()
	read := ginoauth.SessionUser("user_id")
	store := cookie.NewStore(sessionKey)
	r := gin.New()
	handler := func(c *gin.Context) { status(c, read) }
	r.GET("/missing", handler)
	r.GET("/other", func(c *gin.Context) { c.Set(sessions.DefaultKey, "mine") }, handler)
	r.GET("/name", sessions.Sessions("my app", store), handler)
	r.GET("/type", func(c *gin.Context) { c.Set(sessions.DefaultKey, foreignSession{}) }, handler)
	for path, want := range map[string]string{
		"/missing": "middleware is not installed",
		"/other":   "middleware is not installed",
		"/name":    "cookie's name",
		"/type":    "foreignSession",
	} {
		w := get(r, path, "")
		assert.Equal(t, http.StatusInternalServerError, w.Code, path)
		assert.Contains(t, w.Body.String(), want, path)
	}
}

type foreignSession struct{ sessions.Session }

func TestSessionUserWithSessionsMany(t *testing.T) {
	t.Parallel()
	read := ginoauth.SessionUser("user_id")
	store := sessionmemstore.NewStore(sessionKey)
	r := gin.New()
	r.Use(sessions.SessionsMany([]string{"login", "cart"}, store))
	r.GET("/in", func(c *gin.Context) {
		for _, name := range c.QueryArray("s") {
			s := sessions.DefaultMany(c, name)
			s.Set("user_id", name)
			assert.NoError(t, s.Save())
		}
	})
	r.GET("/", func(c *gin.Context) { status(c, read) })
	for query, want := range map[string]int{
		"":               http.StatusUnauthorized,
		"s=login":        http.StatusOK,
		"s=cart":         http.StatusOK,
		"s=cart&s=login": http.StatusInternalServerError,
	} {
		cookies := ""
		for _, c := range get(r, "/in?"+query, "").Result().Cookies() {
			cookies += c.Name + "=" + c.Value + "; "
		}
		assert.Equal(t, want, get(r, "/", cookies).Code, query)
	}
}

// SessionUser reads the session of Sessions too, for what an application put
// there itself.
func TestSessionUserOnSessions(t *testing.T) {
	t.Parallel()
	s, err := ginoauth.NewSessions(cookie.NewStore(sessionKey), ginoauth.SessionOptions{Issuer: "http://localhost"})
	require.NoError(t, err)
	read := ginoauth.SessionUser("user_id")
	r := gin.New()
	r.GET("/", s.Middleware(), func(c *gin.Context) {
		sessions.Default(c).Set("user_id", 7)
		status(c, read)
	})
	assert.Equal(t, http.StatusOK, get(r, "/", "").Code)
	r.GET("/nobody", s.Middleware(), func(c *gin.Context) { status(c, read) })
	assert.Equal(t, http.StatusUnauthorized, get(r, "/nobody", "session=rubbish").Code)
}
