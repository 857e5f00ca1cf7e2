// Package ginoauthtest is for the tests of applications that use ginoauth: it
// gives them access tokens, so that a guarded route is tested without walking
// through login and consent.
//
//	func TestNotes(t *testing.T) {
//		r, oauth := newRouter() // the application's own
//		req := httptest.NewRequest(http.MethodGet, "/api/notes", nil)
//		ginoauthtest.Authorize(req, ginoauthtest.Token(t, oauth, "alice", "read"))
//		w := httptest.NewRecorder()
//		r.ServeHTTP(w, req)
//		if w.Code != http.StatusOK {
//			t.Fatal(w.Body)
//		}
//	}
//
// The tokens are real ones. The server issues them by its own configuration and
// saves them in its own store: the guards do what they do in production, the
// tokens expire and can be revoked, and what no client could get, such as a
// token for a user that CheckUser refuses, fails the test with the reason.
//
// Anybody who can call it gets a token for any user, so it is for tests only: it
// imports package testing, and every function wants a testing.TB.
package ginoauthtest
