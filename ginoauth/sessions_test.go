package ginoauth_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	sessionmemstore "github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/internal/sessiontest"
	"github.com/gin-oauth/gin-oauth-server/model"
)

var sessionKey = []byte("0123456789abcdef0123456789abcdef")

func TestSessions(t *testing.T) {
	t.Parallel()
	for name, subject := range map[string]sessiontest.Subject{
		"cookie": {New: func(_ *testing.T, keys ...[]byte) (sessions.Store, func()) {
			return cookie.NewStore(keys...), nil
		}},
		"memstore": {Server: true, New: func(_ *testing.T, keys ...[]byte) (sessions.Store, func()) {
			return sessiontest.Failing(sessionmemstore.NewStore(keys...))
		}},
		"stubborn": {Server: true, New: func(_ *testing.T, keys ...[]byte) (sessions.Store, func()) {
			return stubbornStore{sessionmemstore.NewStore(keys...), new(sync.Map)}, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sessiontest.Run(t, subject)
		})
	}
}

// stubbornStore keeps to the id that the request's cookie has, as the GORM store
// does, and to the first of two inserts, as the PostgreSQL store does.
type stubbornStore struct {
	sessions.Store
	inserted *sync.Map
}

func (s stubbornStore) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(s, name)
}

func (s stubbornStore) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	if old, err := s.New(r, session.Name()); err == nil && session.ID == "" {
		session.ID = old.ID
	}
	if _, again := s.inserted.Load(session.ID); again && session.IsNew {
		return nil
	}
	err := s.Store.Save(r, w, session)
	s.inserted.Store(session.ID, true)
	return err
}

func TestNewSessionsProblems(t *testing.T) {
	t.Parallel()
	good := cookie.NewStore(sessionKey)
	const issuer = "https://auth.example"
	for name, c := range map[string]struct {
		store sessions.Store
		o     ginoauth.SessionOptions
		want  string // "": no error
	}{
		"good":                {good, ginoauth.SessionOptions{Issuer: issuer}, ""},
		"memstore":            {sessionmemstore.NewStore(sessionKey), ginoauth.SessionOptions{Issuer: issuer}, ""},
		"good over http":      {good, ginoauth.SessionOptions{Issuer: "http://localhost:8080", Name: "app"}, ""},
		"no store":            {nil, ginoauth.SessionOptions{Issuer: issuer}, "session store"},
		"no keys":             {cookie.NewStore(), ginoauth.SessionOptions{Issuer: issuer}, "keys cannot be used"},
		"empty key":           {cookie.NewStore([]byte{}), ginoauth.SessionOptions{Issuer: issuer}, "keys cannot be used"},
		"nil key":             {sessionmemstore.NewStore(nil), ginoauth.SessionOptions{Issuer: issuer}, "keys cannot be used"},
		"encryption key size": {cookie.NewStore(sessionKey, sessionKey[:5]), ginoauth.SessionOptions{Issuer: issuer}, "keys cannot be used"},
		"no issuer":           {good, ginoauth.SessionOptions{}, "Issuer"},
		"issuer without host": {good, ginoauth.SessionOptions{Issuer: "localhost:8080"}, "Issuer"},
		"prefix":              {good, ginoauth.SessionOptions{Issuer: issuer, Name: "__Host-app"}, "prefix"},
		"bad cookie name":     {good, ginoauth.SessionOptions{Issuer: issuer, Name: "my app"}, "Name"},
		"list for a name":     {good, ginoauth.SessionOptions{Issuer: issuer, Name: "a; b"}, "Name"},
		"value in a name":     {good, ginoauth.SessionOptions{Issuer: issuer, Name: "a=b"}, "Name"},
		"negative":            {good, ginoauth.SessionOptions{Issuer: issuer, Idle: -time.Hour}, "negative"},
	} {
		s, err := ginoauth.NewSessions(c.store, c.o)
		if c.want == "" {
			require.NoError(t, err, name)
			assert.NotNil(t, s, name)
			continue
		}
		assert.ErrorContains(t, err, c.want, name)
		assert.Nil(t, s, name)
	}
	_, err := ginoauth.NewSessions(nil, ginoauth.SessionOptions{Name: "my app"})
	require.ErrorContains(t, err, "session store")
	require.ErrorContains(t, err, "Issuer")
	require.ErrorContains(t, err, "Name")
}

// brokenStore answers every request with this error.
type brokenStore struct {
	sessions.Store
	err error
}

func (b *brokenStore) New(r *http.Request, name string) (*gsessions.Session, error) {
	if c, err := r.Cookie(name); err != nil || c.Value == "x" { // NewSessions asks with this
		return b.Store.New(r, name)
	}
	return gsessions.NewSession(b, name), b.err
}

func (b *brokenStore) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(b, name)
}

// What stores say when there is no record, or none that can be read, is nobody;
// anything else is a fault.
func TestSessionStoreErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("open /tmp/session_X: %w", fs.ErrNotExist), 401},
		{errors.New("memcache: cache miss"), 401},
		{errors.New("gob: name not registered for interface: \"main.Profile\""), 401},
		{sessiontest.ErrDown, 500},
		{errors.New("EOF"), 500},
	} {
		store := &brokenStore{Store: cookie.NewStore(sessionKey), err: c.err}
		s, err := ginoauth.NewSessions(store, ginoauth.SessionOptions{Issuer: "http://localhost"})
		require.NoError(t, err)
		own := ginoauth.SessionUser("user_id")

		r := gin.New()
		r.GET("/sessions", s.Middleware(), func(c *gin.Context) { status(c, s.User) })
		r.GET("/app", sessions.Sessions("session", store), func(c *gin.Context) { status(c, own) })
		for _, path := range []string{"/sessions", "/app"} {
			w := get(r, path, "session=MTc2fGFiYw==")
			assert.Equal(t, c.want, w.Code, "%s: %v", path, c.err)
		}
	}
}

// Visitors cannot fill the log. Not parallel: the logger is the process's.
func TestSessionsUnusableCookieIsNotLogged(t *testing.T) { //nolint:paralleltest // sets the default logger
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })

	s, err := ginoauth.NewSessions(cookie.NewStore(sessionKey), ginoauth.SessionOptions{Issuer: "http://localhost"})
	require.NoError(t, err)
	r := gin.New()
	r.GET("/", s.Middleware(), func(c *gin.Context) { status(c, s.User) })
	assert.Equal(t, 401, get(r, "/", "session=rubbish").Code)
	assert.Empty(t, log.String())
}

// Two Sessions and the application's own middleware do not get into each
// other's way.
func TestSessionsSideBySide(t *testing.T) {
	t.Parallel()
	store := sessionmemstore.NewStore(sessionKey)
	staff, err := ginoauth.NewSessions(store, ginoauth.SessionOptions{Issuer: "http://localhost", Name: "staff"})
	require.NoError(t, err)
	users, err := ginoauth.NewSessions(store, ginoauth.SessionOptions{Issuer: "http://localhost", Name: "users"})
	require.NoError(t, err)
	r := gin.New()
	r.Use(staff.Middleware(), users.Middleware(), sessions.SessionsMany([]string{"a", "b"}, store))
	r.GET("/", func(c *gin.Context) {
		assert.NoError(t, users.SignIn(c, "alice"))
		assert.NoError(t, staff.SignIn(c, "root"))
		u, err := users.User(c)
		assert.NoError(t, err)
		assert.Equal(t, "alice", u.ID)
		u, err = staff.User(c)
		assert.NoError(t, err)
		assert.Equal(t, "root", u.ID)
	})
	assert.Len(t, get(r, "/", "").Result().Cookies(), 2)
}

func status(c *gin.Context, handler func(*gin.Context) (*model.User, error)) {
	user, err := handler(c)
	switch {
	case err == nil:
		c.JSON(http.StatusOK, user)
	case errors.Is(err, ginoauth.ErrNoUser):
		c.String(http.StatusUnauthorized, err.Error())
	default:
		c.String(http.StatusInternalServerError, err.Error())
	}
}

func get(r *gin.Engine, path, cookie string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}
