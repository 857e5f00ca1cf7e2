package ginoauth

import (
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"
)

// errSessionEnded refuses to save a session whose record is gone.
var errSessionEnded = errors.New("ginoauth: the session was ended by another request meanwhile")

// begunKey marks, in the values of a session, that the request began it. It is
// never stored.
type begunKey struct{}

// sessionStore stands between gin-contrib/sessions and a session store and takes
// out what is dangerous in them:
//
//   - an id that came without a record is forgotten, not used again, so that no
//     one else knows the id of a session that begins here;
//   - a cookie that cannot be read is no cookie, and not an error in the log, so
//     that visitors cannot fill it;
//   - a record that another request deleted is not written again, so that a slow
//     request does not undo a sign-out;
//   - saving after the response has begun is an error, not a cookie lost;
//   - the cookie's attributes are the same in every answer, whatever the handler
//     passed to Options, where a field left out means something else per store;
//   - an answer carries the cookie once, and no cache may keep it.
type sessionStore struct {
	sessions.Store
	options gsessions.Options
}

// Get returns the request's session, the same at each call.
func (s *sessionStore) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(s, name)
}

// New reads the session. An error means that the store failed; the session is
// then an empty one.
func (s *sessionStore) New(r *http.Request, name string) (*gsessions.Session, error) {
	session, err := s.Store.New(r, name)
	if err != nil || session == nil || session.IsNew {
		session = gsessions.NewSession(s, name)
		session.IsNew = true
	}
	options := s.options
	session.Options = &options
	if err != nil && noSession(err) {
		err = nil
	}
	return session, err
}

// Save writes the session, or deletes it if its MaxAge is below 0.
func (s *sessionStore) Save(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	if begun, ok := w.(interface{ Written() bool }); ok && begun.Written() {
		return errors.New("ginoauth: the session is saved after the response has begun, too late for its cookie")
	}
	options := s.options
	if session.Options.MaxAge < 0 {
		options.MaxAge = -1
	}
	session.Options = &options
	dropCookie(w.Header(), session.Name())
	w.Header().Set("Cache-Control", "no-store")
	if options.MaxAge < 0 {
		return s.remove(r, w, session)
	}
	// What this request began is not read again from its cookie, which is another
	// session's. (GORM's store would.)
	_, begun := session.Values[begunKey{}]
	delete(session.Values, begunKey{})
	begun = begun || session.IsNew
	if session.ID != "" && !begun {
		now, err := s.New(r, session.Name())
		if err != nil {
			return err
		}
		if now.ID != session.ID {
			return errSessionEnded
		}
	}
	if begun {
		r = r.Clone(r.Context())
		r.Header.Del("Cookie")
	}
	if err := s.Store.Save(r, w, session); err != nil {
		return err
	}
	// A second Save is of a record that is there. (PostgreSQL's store would insert
	// another.)
	session.IsNew = false
	if begun {
		session.Values[begunKey{}] = true
	}
	return nil
}

// remove deletes the record and the cookie. What the handler puts into the
// session afterwards begins another one.
func (s *sessionStore) remove(r *http.Request, w http.ResponseWriter, session *gsessions.Session) error {
	clear(session.Values)
	if session.ID == "" { // the cookie store, or nothing was stored
		http.SetCookie(w, gsessions.NewCookie(session.Name(), "", session.Options))
	} else if err := s.Store.Save(r, w, session); err != nil {
		return err
	}
	options := s.options
	session.ID, session.IsNew, session.Options = "", true, &options
	return nil
}

// dropCookie takes back a cookie that was set before in the same answer.
func dropCookie(h http.Header, name string) {
	var keep []string
	for _, line := range h.Values("Set-Cookie") {
		if !strings.HasPrefix(line, name+"=") {
			keep = append(keep, line)
		}
	}
	h.Del("Set-Cookie")
	for _, line := range keep {
		h.Add("Set-Cookie", line)
	}
}

// noSession reports whether a session store's error only says that there is no
// session to be had from this cookie, as opposed to a fault of the store.
func noSession(err error) bool {
	// What the cookie codecs return: a cookie that was altered, is from another
	// key, too long or too old. Not every such error says that it is a decoding
	// error (too long does not), but one about the keys says that it is of usage.
	var cookie interface {
		error
		IsDecode() bool
		IsUsage() bool
	}
	if errors.As(err, &cookie) {
		return !cookie.IsUsage()
	}
	// The record is gone.
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, sql.ErrNoRows) {
		return true
	}
	// The record is one that this release cannot read. Package gob has no error
	// type, and neither memcached client is linked here.
	var syntax *json.SyntaxError
	text := err.Error()
	return errors.As(err, &syntax) || strings.HasPrefix(text, "gob: ") ||
		text == "memcache: cache miss" || text == "mc: not found"
}
