package sessiontest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/ginoauth"
)

func testSignInAndOut(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	b := a.browser()
	nobody(t, b)
	b.signIn(t, "alice")
	first := signedIn(t, b, "alice")
	assert.Equal(t, start.Truncate(time.Millisecond), first.AuthTime)
	assert.GreaterOrEqual(t, len(first.SessionID), 20)
	assert.Equal(t, first, signedIn(t, b, "alice"), "the same in each request")

	ok(t, b.post("/set?note=mine"))
	text, _ := note(t, b)
	assert.Equal(t, "mine", text)
	assert.Equal(t, first, signedIn(t, b, "alice"), "what the application keeps does not change it")

	w := b.post("/out")
	ok(t, w)
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Empty(t, b.jar)
	nobody(t, b)
	ok(t, b.post("/out")) // without a session

	b.signIn(t, "alice")
	assert.NotEqual(t, first.SessionID, signedIn(t, b, "alice").SessionID)
	b.signIn(t, "bob") // over a session
	signedIn(t, b, "bob")

	assert.Equal(t, 500, b.post("/in?user=").Code, "an empty id")
	signedIn(t, b, "bob")
	assert.Equal(t, 500, b.get("/bare").Code, "without middleware")
	assert.Equal(t, 500, b.post("/bare?user=alice").Code)
}

func testCookie(t *testing.T, s Subject) {
	for issuer, want := range map[string]http.Cookie{
		"https://auth.example":  {Name: "__Host-session", Secure: true},
		"http://localhost:8080": {Name: "session"},
	} {
		a := newApp(t, s.store(t), func(o *ginoauth.SessionOptions) { o.Issuer = issuer })
		b := a.browser()
		w := b.post("/in?user=alice")
		cookies := w.Result().Cookies()
		require.Len(t, cookies, 1, "one cookie, not also the deletion of the one before")
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		got := cookies[0]
		assert.Equal(t, want.Name, got.Name)
		assert.Equal(t, want.Secure, got.Secure)
		assert.Equal(t, "/", got.Path)
		assert.True(t, got.HttpOnly)
		assert.Equal(t, http.SameSiteLaxMode, got.SameSite)
		assert.Equal(t, 3600, got.MaxAge)
		assert.Empty(t, got.Domain)
		assert.Less(t, len(got.Value), 1000)

		gone := b.post("/out").Result().Cookies()
		require.Len(t, gone, 1)
		assert.Equal(t, want.Name, gone[0].Name)
		assert.Equal(t, want.Secure, gone[0].Secure)
		assert.Equal(t, "/", gone[0].Path)
		assert.Negative(t, gone[0].MaxAge)
	}
}

// testMaxAge: never 0, which deletes on some stores.
func testMaxAge(t *testing.T, s Subject) {
	for _, c := range []struct {
		idle, absolute time.Duration
		want           int
	}{
		{0, 0, 12 * 3600},
		{time.Millisecond, 0, 1},
		{1500 * time.Millisecond, 0, 2},
		{time.Hour, 90 * time.Second, 90},
		{0, time.Hour, 3600},
		{30 * 24 * time.Hour, 0, 7 * 24 * 3600},
	} {
		a := newApp(t, s.store(t), func(o *ginoauth.SessionOptions) { o.Idle, o.Absolute = c.idle, c.absolute })
		cookies := a.browser().post("/in?user=alice").Result().Cookies()
		require.Len(t, cookies, 1)
		assert.Equal(t, c.want, cookies[0].MaxAge)
	}
}

func testWelcome(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	b := a.browser()
	ok(t, b.post("/set?note=before"))
	w := b.post("/welcome?user=alice")
	ok(t, w)
	assert.Len(t, w.Result().Cookies(), 1)
	signedIn(t, b, "alice")
	text, _ := note(t, b)
	assert.Equal(t, "welcome", text)
}

func testAnonymous(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	b := a.browser()
	for _, path := range []string{"/me", "/get"} {
		w := b.get(path)
		assert.Empty(t, w.Header().Values("Set-Cookie"))
		assert.Empty(t, w.Header().Get("Cache-Control"))
	}
}

func testIdle(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	a.advance(toWhole)
	b := a.browser()
	b.signIn(t, "alice")
	kept := b.copy()
	for range 2 {
		a.advance(50 * time.Minute)
		signedIn(t, b, "alice")
	}
	if !s.Server {
		nobody(t, kept) // the cookie as it was first is too old by now
	}
	a.advance(time.Hour - time.Millisecond)
	last := b.copy()
	signedIn(t, last, "alice")
	a.advance(time.Hour)
	nobody(t, last)
	nobody(t, b)
}

func testAbsolute(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	a.advance(toWhole)
	b := a.browser()
	b.signIn(t, "alice")
	for range 9 {
		a.advance(30 * time.Minute)
		signedIn(t, b, "alice")
	}
	a.advance(30*time.Minute - time.Millisecond)
	signedIn(t, b, "alice")
	a.advance(time.Millisecond)
	nobody(t, b)
	b.signIn(t, "alice")
	signedIn(t, b, "alice")
}

func testFewWrites(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	b := a.browser()
	b.signIn(t, "alice")
	before := signedIn(t, b, "alice").SessionID
	a.advance(6*time.Minute - time.Millisecond)
	assert.Empty(t, b.get("/me").Header().Values("Set-Cookie"))
	a.advance(2 * time.Millisecond)
	w := b.get("/me")
	require.Len(t, w.Result().Cookies(), 1)
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Empty(t, b.get("/me").Header().Values("Set-Cookie"))
	assert.Equal(t, before, signedIn(t, b, "alice").SessionID, "the id stays, and a consent page with it")
}

func testOptions(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	b := a.browser()
	b.signIn(t, "alice")
	w := b.post("/options")
	ok(t, w)
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	assert.Equal(t, "/", cookies[0].Path)
	assert.Equal(t, 3600, cookies[0].MaxAge)
	assert.True(t, cookies[0].Secure && cookies[0].HttpOnly)
	signedIn(t, b, "alice")
	text, _ := note(t, b)
	assert.Equal(t, "kept", text)
}

func testDelete(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	b := a.browser()
	b.signIn(t, "alice")
	old := b.copy()
	_, oldID := note(t, b)
	w := b.post("/delete")
	ok(t, w)
	assert.Len(t, w.Result().Cookies(), 1)
	nobody(t, b)
	text, id := note(t, b)
	assert.Equal(t, "new", text)
	if s.Server {
		assert.NotEqual(t, oldID, id)
		nobody(t, old)
	}
}

func testLate(t *testing.T, s Subject) {
	var errs []string
	a := newApp(t, s.store(t), nil, func(c *gin.Context) {
		c.Next()
		errs = c.Errors.Errors()
	})
	b := a.browser()
	b.post("/late")
	require.Len(t, errs, 1)
	assert.Contains(t, errs[0], "response has begun")
	nobody(t, b)

	b.signIn(t, "alice")
	a.advance(30 * time.Minute)
	b.get("/late")
	assert.Empty(t, errs, "too late to write is no reason to fail")
	signedIn(t, b, "alice")
}

// Middleware for tracing puts another request into the context, before or after
// the session was read first.
func testReplacedRequest(t *testing.T, s Subject) {
	type key struct{}
	replace := func(c *gin.Context) {
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), key{}, 1))
	}
	for name, before := range map[string]gin.HandlerFunc{
		"before": replace,
		"after":  func(c *gin.Context) { sessions.Default(c).Get("note"); replace(c) },
	} {
		a := newApp(t, s.store(t), nil, before)
		b := a.browser()
		b.signIn(t, "alice")
		signedIn(t, b, "alice")
		ok(t, b.post("/set?note=mine"))
		signedIn(t, b, "alice")
		text, _ := note(t, b)
		assert.Equal(t, "mine", text, name)
		ok(t, b.post("/out"))
		nobody(t, b)
	}
}

func testStoreFails(t *testing.T, s Subject) {
	store, fail := s.New(t, key1...)
	if fail == nil {
		return
	}
	a := newApp(t, store, nil)
	b := a.browser()
	b.signIn(t, "alice")
	fail()
	assert.Equal(t, 500, b.get("/me").Code, "not signed out")
	assert.Equal(t, 401, a.browser().get("/me").Code, "a visitor without a cookie needs no store")
	assert.Equal(t, 500, a.browser().post("/in?user=bob").Code)
	assert.Equal(t, 500, b.copy().post("/in?user=bob").Code)
	assert.Equal(t, 500, b.copy().post("/out").Code, "the record is still there")
}

// userApp is the application that has a login of its own, read by SessionUser.
func userApp(store sessions.Store) *app {
	a := &app{Engine: gin.New(), store: store}
	read := ginoauth.SessionUser("user_id")
	a.Use(sessions.Sessions(cookieName, store))
	a.GET("/me", func(c *gin.Context) {
		user, err := read(c)
		if err != nil {
			answer(c, err)
			return
		}
		c.JSON(http.StatusOK, user)
	})
	a.POST("/in", func(c *gin.Context) {
		s := sessions.Default(c)
		s.Set("user_id", c.Query("user"))
		answer(c, s.Save())
	})
	return a
}

func testSessionUser(t *testing.T, s Subject) {
	a := userApp(s.store(t))
	b := a.browser()
	nobody(t, b)
	b.signIn(t, "alice")
	user := signedIn(t, b, "alice")
	assert.Equal(t, s.Server, user.SessionID != "")
	assert.Equal(t, user, signedIn(t, b, "alice"))
	for _, value := range []string{"", "x", b.jar[cookieName] + "A", strings.Repeat("A", 5000)} { // O10
		b := a.browser()
		b.jar[cookieName] = value
		nobody(t, b)
	}
}

func testSessionUserStoreFails(t *testing.T, s Subject) {
	store, fail := s.New(t, key1...)
	if fail == nil {
		return
	}
	a := userApp(store)
	b := a.browser()
	b.signIn(t, "alice")
	fail()
	w := b.get("/me")
	assert.Equal(t, 500, w.Code, w.Body)
	nobody(t, a.browser())
}
