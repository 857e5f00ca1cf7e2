package sessiontest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// The attacker visits, plants the cookie in the victim's browser and waits.
func testFixation(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	attacker := a.browser()
	ok(t, attacker.post("/set?note=planted"))
	victim := attacker.copy()
	victim.signIn(t, "victim")
	signedIn(t, victim, "victim")
	nobody(t, attacker)

	left, _ := note(t, victim)
	assert.Empty(t, left, "what was planted does not survive the sign-in")
	_, id := note(t, attacker)
	assert.Empty(t, id, "the record is deleted")
}

func testFixationSignedIn(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	attacker := a.browser()
	attacker.signIn(t, "attacker")
	victim := attacker.copy()
	victim.signIn(t, "victim")
	signedIn(t, victim, "victim")
	if s.Server {
		nobody(t, attacker)
	} else {
		signedIn(t, attacker, "attacker")
	}
}

// A cookie whose record is gone gets a new id with the next record: whoever
// kept the cookie does not follow.
func testIDReuse(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	alice := a.browser()
	alice.signIn(t, "alice")
	old := alice.copy()
	ok(t, alice.post("/out"))
	if !s.Server {
		return // covered by testCopiedCookie
	}
	again := old.copy()
	ok(t, again.post("/set?note=again"))
	assert.NotEqual(t, old.jar[cookieName], again.jar[cookieName])
	text, _ := note(t, old)
	assert.Empty(t, text)
	again.signIn(t, "alice")
	nobody(t, old)
}

func testCopiedCookie(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	alice := a.browser()
	alice.signIn(t, "alice")
	thief := alice.copy()
	a.advance(time.Second)
	ok(t, alice.post("/out"))
	assert.Empty(t, alice.jar, "the cookie is deleted")
	nobody(t, alice)
	if s.Server {
		nobody(t, thief)
		return
	}
	// No record: only the time that the application keeps for the user helps.
	signedIn(t, thief, "alice")
	validFrom := a.clock()
	a.load(func(*model.User) (time.Time, error) { return validFrom, nil })
	nobody(t, thief)
	alice.signIn(t, "alice")
	signedIn(t, alice, "alice")
}

func testLoadUser(t *testing.T, s Subject) {
	a := newApp(t, s.store(t), nil)
	b := a.browser()
	b.signIn(t, "alice")

	a.load(func(u *model.User) (time.Time, error) {
		assert.NotEmpty(t, u.SessionID)
		u.Name = "Alice of " + u.ID
		return u.AuthTime, nil // the same millisecond is good
	})
	assert.Equal(t, "Alice of alice", signedIn(t, b, "alice").Name)

	a.load(func(u *model.User) (time.Time, error) { return u.AuthTime.Add(999 * time.Microsecond), nil })
	signedIn(t, b, "alice") // the sign-in's time is in milliseconds too
	a.load(func(u *model.User) (time.Time, error) { return u.AuthTime.Add(time.Millisecond), nil })
	nobody(t, b)
	a.load(func(*model.User) (time.Time, error) { return time.Time{}, ginoauth.ErrNoUser })
	nobody(t, b)
	a.load(func(*model.User) (time.Time, error) { return time.Time{}, errors.New("no database") })
	assert.Equal(t, 500, b.get("/me").Code)

	// A disabled user's session is not prolonged.
	a.load(func(*model.User) (time.Time, error) { return time.Time{}, ginoauth.ErrNoUser })
	a.advance(30 * time.Minute)
	assert.Empty(t, b.get("/me").Header().Values("Set-Cookie"))
}

func testUnusableCookies(t *testing.T, s Subject) {
	store := s.store(t)
	a := newApp(t, store, nil)
	alice := a.browser()
	alice.signIn(t, "alice")
	good := alice.jar[cookieName]

	otherStore, _ := s.New(t, key2...)
	other := newApp(t, otherStore, nil).browser()
	other.signIn(t, "alice")

	flipped := []byte(good)
	flipped[len(flipped)/2] ^= 1
	for name, value := range map[string]string{
		"empty":          "",
		"one letter":     "x",
		"no base64":      "%%%",
		"quoted":         `"` + good,
		"altered":        string(flipped),
		"cut":            good[:len(good)-4],
		"longer":         good + "AAAA",
		"another key":    other.jar[cookieName],
		"5 KB":           strings.Repeat("A", 5000),
		"5 KB, no ASCII": strings.Repeat("\xff", 5000),
		"100 KB":         strings.Repeat("MTc2", 25_000),
	} {
		b := a.browser()
		b.jar[cookieName] = value
		nobody(t, b)
		text, id := note(t, b)
		assert.Empty(t, text+id, name)
		b.signIn(t, "bob")
		signedIn(t, b, "bob")
	}
	// Two cookies of the name, as a sibling domain can plant where the name has no
	// prefix: whichever is read, nothing breaks.
	r := httptest.NewRequest(http.MethodGet, "/me", nil)
	r.Header.Set("Cookie", cookieName+"=x; "+cookieName+"="+good)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	assert.NotEqual(t, 500, w.Code)
}

// A session of the right key whose values are not what this release writes.
func testOlderRelease(t *testing.T, s Subject) {
	store := s.store(t)
	a := newApp(t, store, nil)
	for name, values := range map[string]map[string]any{
		"nothing known": {"uid": "alice"},
		"user alone":    {"ginoauth.user": "alice"},
		"no id":         {"ginoauth.user": "alice", "ginoauth.signed_in": "1767323045678", "ginoauth.seen": "1767323045678"},
		"other types":   {"ginoauth.user": int64(7), "ginoauth.id": true, "ginoauth.signed_in": 1.5, "ginoauth.seen": "x"},
		"time as int64": {"ginoauth.user": "alice", "ginoauth.id": "x", "ginoauth.signed_in": int64(1767323045678), "ginoauth.seen": "1767323045678"},
		"no number":     {"ginoauth.user": "alice", "ginoauth.id": "x", "ginoauth.signed_in": "1767323045678", "ginoauth.seen": ""},
		"overflow":      {"ginoauth.user": "alice", "ginoauth.id": "x", "ginoauth.signed_in": "99999999999999999999", "ginoauth.seen": "1767323045678"},
	} {
		older := gin.New()
		older.Use(sessions.Sessions(cookieName, store))
		older.POST("/", func(c *gin.Context) {
			session := sessions.Default(c)
			for k, v := range values {
				session.Set(k, v)
			}
			answer(c, session.Save())
		})
		w := httptest.NewRecorder()
		older.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
		ok(t, w)
		b := a.browser()
		require.Len(t, w.Result().Cookies(), 1, name)
		b.jar[cookieName] = w.Result().Cookies()[0].Value
		nobody(t, b)
		b.signIn(t, "bob")
		signedIn(t, b, "bob")
	}
}

func testKeyRotation(t *testing.T, s Subject) {
	if s.Server {
		return // New makes a store with records of its own
	}
	store, _ := s.New(t, key2...)
	b := newApp(t, store, nil).browser()
	b.signIn(t, "alice")
	rotated, _ := s.New(t, append(append([][]byte{}, key1...), key2...)...)
	b.app = newApp(t, rotated, nil)
	signedIn(t, b, "alice")
}

func testSlowRequest(t *testing.T, s Subject) {
	if !s.Server {
		return // a cookie has no record that could be gone
	}
	a := newApp(t, s.store(t), nil)
	alice := a.browser()
	alice.signIn(t, "alice")
	slow := alice.copy()
	kept := alice.copy()
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- slow.post("/slow") }()
	<-a.slow
	ok(t, alice.post("/out"))
	close(a.goOn)
	w := <-done
	assert.Equal(t, 500, w.Code)
	assert.Empty(t, w.Header().Values("Set-Cookie"))
	nobody(t, slow)
	nobody(t, kept)
}

// The same while User itself is at work.
func testSignOutInUser(t *testing.T, s Subject) {
	if !s.Server {
		return
	}
	a := newApp(t, s.store(t), nil)
	alice := a.browser()
	alice.signIn(t, "alice")
	other := alice.copy()
	kept := alice.copy()
	a.advance(30 * time.Minute)
	a.load(func(*model.User) (time.Time, error) {
		other.post("/out")
		return time.Time{}, nil
	})
	nobody(t, alice)
	nobody(t, kept)
}
