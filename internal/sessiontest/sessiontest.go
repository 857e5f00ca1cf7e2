// Package sessiontest is the contract of ginoauth.Sessions and of
// ginoauth.SessionUser on a session store of gin-contrib/sessions, as tests that
// run on every such store: each of its pitfalls, and that it stays one of theirs.
package sessiontest

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Subject is the store under test.
type Subject struct {
	// New returns an empty store whose keys are those passed in, and a function
	// that makes it unreachable, nil if nothing can. Keys are in pairs.
	New func(t *testing.T, keys ...[]byte) (store sessions.Store, fail func())
	// Server says that records are kept on the server and the cookie holds an id.
	Server bool
}

// Keys to sign and to encrypt with.
var (
	key1 = [][]byte{[]byte("0123456789abcdef0123456789abcdef"), []byte("0123456789abcdef0123456789abcde1")}
	key2 = [][]byte{[]byte("fedcba9876543210fedcba9876543210"), []byte("fedcba9876543210fedcba9876543211")}
)

func (s Subject) store(t *testing.T) sessions.Store {
	t.Helper()
	store, _ := s.New(t, key1...)
	return store
}

// Run runs all tests on the subject.
func Run(t *testing.T, s Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"sign in and out":                       testSignInAndOut,
		"cookie attributes":                     testCookie,
		"anonymous visits store nothing":        testAnonymous,
		"fixation by an anonymous session":      testFixation,
		"fixation by the attacker's session":    testFixationSignedIn,
		"id is not used again after sign-out":   testIDReuse,
		"copy of a cookie after sign-out":       testCopiedCookie,
		"C14 user disabled or gone":             testLoadUser,
		"O10 unusable cookies":                  testUnusableCookies,
		"O10 from an older release":             testOlderRelease,
		"keys rotate":                           testKeyRotation,
		"idle limit":                            testIdle,
		"absolute limit":                        testAbsolute,
		"one write in a tenth of the idle time": testFewWrites,
		"slow request does not undo a sign-out": testSlowRequest,
		"sign-out while User is at work":        testSignOutInUser,
		"cookie's max-age":                      testMaxAge,
		"something kept at the sign-in":         testWelcome,
		"options cannot loosen the cookie":      testOptions,
		"deleted the library's way":             testDelete,
		"save after the response has begun":     testLate,
		"request replaced by a middleware":      testReplacedRequest,
		"store fails":                           testStoreFails,
		"SessionUser":                           testSessionUser,
		"SessionUser when the store fails":      testSessionUserStoreFails,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// signedIn asserts who is signed in and returns them.
func signedIn(t *testing.T, b *browser, id string) *model.User {
	t.Helper()
	w := b.get("/me")
	require.Equal(t, 200, w.Code, w.Body)
	user := &model.User{}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), user))
	assert.Equal(t, id, user.ID)
	return user
}

func nobody(t *testing.T, b *browser) {
	t.Helper()
	w := b.get("/me")
	assert.Equal(t, 401, w.Code, w.Body)
}

func ok(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, 200, w.Code, w.Body)
}

// note returns what the application keeps in the session, and the session's id.
func note(t *testing.T, b *browser) (note, id string) {
	t.Helper()
	w := b.get("/get")
	ok(t, w)
	var v struct{ Note, ID string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
	return v.Note, v.ID
}
