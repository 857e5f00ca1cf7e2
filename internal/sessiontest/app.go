package sessiontest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// cookieName is what the sessions of app are called by default.
const cookieName = "__Host-session"

// app is an application that does with its sessions all that applications do.
type app struct {
	*gin.Engine
	store    sessions.Store
	sessions *ginoauth.Sessions
	now      atomic.Int64 // ns since start
	loadUser atomic.Pointer[func(*model.User) (time.Time, error)]

	slow, goOn chan struct{} // a request to /slow has read its session; may go on
}

// start is between two milliseconds, toWhole away from one.
var start = time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)

const toWhole = 100 * time.Microsecond

func (a *app) clock() time.Time                            { return start.Add(time.Duration(a.now.Load())) }
func (a *app) advance(d time.Duration)                     { a.now.Add(int64(d)) }
func (a *app) load(f func(*model.User) (time.Time, error)) { a.loadUser.Store(&f) }

// newApp returns an application on this store; before runs ahead of the session
// middleware's routes.
func newApp(t *testing.T, store sessions.Store, change func(*ginoauth.SessionOptions), before ...gin.HandlerFunc) *app {
	t.Helper()
	a := &app{Engine: gin.New(), store: store, slow: make(chan struct{}), goOn: make(chan struct{})}
	o := ginoauth.SessionOptions{
		Issuer: "https://auth.example", Idle: time.Hour, Absolute: 5 * time.Hour, Clock: a.clock,
		LoadUser: func(_ context.Context, u *model.User) (time.Time, error) {
			if f := a.loadUser.Load(); f != nil {
				return (*f)(u)
			}
			return time.Time{}, nil
		},
	}
	if change != nil {
		change(&o)
	}
	var err error
	a.sessions, err = ginoauth.NewSessions(store, o)
	require.NoError(t, err)

	a.GET("/bare", a.me) // without the middleware
	a.POST("/bare", a.signIn)
	a.Use(a.sessions.Middleware())
	a.Use(before...)
	a.GET("/me", a.me)
	a.POST("/in", a.signIn)
	a.POST("/out", func(c *gin.Context) { answer(c, a.sessions.SignOut(c)) })
	a.POST("/set", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Set("note", c.Query("note"))
		answer(c, s.Save())
	})
	a.GET("/get", func(c *gin.Context) {
		s := sessions.Default(c)
		note, _ := s.Get("note").(string)
		c.JSON(http.StatusOK, gin.H{"note": note, "id": s.ID()})
	})
	a.POST("/options", func(c *gin.Context) { // MaxAge and Path left out
		s := sessions.Default(c)
		s.Options(sessions.Options{})
		s.Set("note", "kept")
		answer(c, s.Save())
	})
	a.POST("/delete", func(c *gin.Context) { // the way gin-contrib/sessions deletes, then something new
		s := sessions.Default(c)
		s.Options(sessions.Options{MaxAge: -1})
		if err := s.Save(); err != nil {
			answer(c, err)
			return
		}
		s.Set("note", "new")
		answer(c, s.Save())
	})
	a.POST("/welcome", func(c *gin.Context) { // signs in and keeps something in one request
		s := sessions.Default(c)
		s.Get("note")
		if err := a.sessions.SignIn(c, c.Query("user")); err != nil {
			answer(c, err)
			return
		}
		s.Set("note", "welcome")
		answer(c, s.Save())
	})
	a.GET("/late", func(c *gin.Context) {
		c.String(http.StatusOK, "begun")
		if _, err := a.sessions.User(c); err != nil {
			_ = c.Error(err)
		}
	})
	a.POST("/late", func(c *gin.Context) {
		c.String(http.StatusOK, "begun")
		c.Writer.Flush()
		if err := a.sessions.SignIn(c, "alice"); err != nil {
			_ = c.Error(err)
		}
	})
	a.POST("/slow", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Get("note")
		a.slow <- struct{}{}
		<-a.goOn
		s.Set("note", "slow")
		answer(c, s.Save())
	})
	return a
}

func (a *app) signIn(c *gin.Context) {
	err := a.sessions.SignIn(c, c.Query("user"))
	if user, userErr := a.sessions.User(c); err != nil && userErr == nil && user.ID == c.Query("user") {
		err = ginoauth.ErrNoUser // not signed in, and yet there: no test expects that
	}
	answer(c, err)
}

func (a *app) me(c *gin.Context) {
	user, err := a.sessions.User(c)
	if err != nil {
		answer(c, err)
		return
	}
	c.JSON(http.StatusOK, user)
}

// answer says 401 for nobody and 500 for a fault.
func answer(c *gin.Context, err error) {
	switch {
	case err == nil:
		c.String(http.StatusOK, "")
	case errors.Is(err, ginoauth.ErrNoUser):
		c.String(http.StatusUnauthorized, err.Error())
	default:
		c.String(http.StatusInternalServerError, err.Error())
	}
}

// browser keeps cookies. One that is given away by jar goes on by itself.
type browser struct {
	app *app
	jar map[string]string
}

func (a *app) browser() *browser { return &browser{app: a, jar: map[string]string{}} }

// copy is a browser with the same cookies, such as a thief's.
func (b *browser) copy() *browser { return &browser{app: b.app, jar: maps.Clone(b.jar)} }

func (b *browser) do(method, target string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for name, value := range b.jar {
		// Not AddCookie, which would clean the value up.
		r.Header.Add("Cookie", name+"="+value)
	}
	w := httptest.NewRecorder()
	b.app.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if cookie.MaxAge < 0 {
			delete(b.jar, cookie.Name)
		} else {
			b.jar[cookie.Name] = cookie.Value
		}
	}
	return w
}

func (b *browser) get(target string) *httptest.ResponseRecorder  { return b.do("GET", target) }
func (b *browser) post(target string) *httptest.ResponseRecorder { return b.do("POST", target) }

func (b *browser) signIn(t *testing.T, user string) {
	t.Helper()
	w := b.post("/in?user=" + url.QueryEscape(user))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
}
