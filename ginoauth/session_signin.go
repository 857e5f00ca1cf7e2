package ginoauth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// The keys of a session's values. All values are strings, times in milliseconds:
// an integer comes back from a JSON serializer as a float64.
const (
	userKey   = "ginoauth.user"
	idKey     = "ginoauth.id"
	signedKey = "ginoauth.signed_in"
	seenKey   = "ginoauth.seen"
)

// User is an authenticate handler: who is signed in, with the time of the
// sign-in and an id that the sign-in drew at random. The error is [ErrNoUser] if
// nobody is, also when a limit has passed; any other error is a fault.
//
// It writes the session, and with it the cookie, once a tenth of the idle limit
// has passed, unless the response has begun.
func (s *Sessions) User(c *gin.Context) (*model.User, error) {
	r, session, err := s.session(c)
	if err != nil {
		return nil, err
	}
	user := &model.User{}
	user.ID, _ = session.Values[userKey].(string)
	user.SessionID, _ = session.Values[idKey].(string)
	signed, ok := timeIn(session, signedKey)
	seen, ok2 := timeIn(session, seenKey)
	if user.ID == "" || user.SessionID == "" || !ok || !ok2 {
		return nil, ErrNoUser
	}
	user.AuthTime = signed
	now := s.clock()
	if now.Sub(seen) >= s.idle || now.Sub(signed) >= s.absolute {
		return nil, ErrNoUser
	}
	if s.loadUser != nil {
		validFrom, err := s.loadUser(c.Request.Context(), user)
		if err != nil {
			return nil, err
		}
		// The sign-in's time was cut to milliseconds.
		if signed.Before(validFrom.Truncate(time.Millisecond)) {
			return nil, ErrNoUser
		}
	}
	if now.Sub(seen) < s.idle/10 || c.Writer.Written() {
		return user, nil
	}
	setTime(session, seenKey, now)
	switch err := s.store.Save(r, c.Writer, session); {
	case errors.Is(err, errSessionEnded):
		return nil, ErrNoUser
	case err != nil:
		return nil, fmt.Errorf("ginoauth: writing the session: %w", err)
	}
	return user, nil
}

// SignIn begins a session of this user with a new id and deletes what the
// browser's session was before, with all that the application kept in it. The
// id is the application's own and must not be empty. Call it before the response
// is written. An error is a fault, and this user is not signed in.
func (s *Sessions) SignIn(c *gin.Context, userID string) error {
	if userID == "" {
		return errors.New("ginoauth: SignIn with an empty user id")
	}
	// A session that could not be read is empty and has no id, so it can be begun
	// all the same.
	r, session, err := s.session(c)
	if session == nil {
		return err
	}
	session.Options.MaxAge = -1
	if err := s.store.Save(r, c.Writer, session); err != nil {
		return fmt.Errorf("ginoauth: deleting the session before: %w", err)
	}
	now := s.clock()
	session.Values[userKey], session.Values[idKey] = userID, rand.Text()
	setTime(session, signedKey, now)
	setTime(session, seenKey, now)
	if err := s.store.Save(r, c.Writer, session); err != nil {
		clear(session.Values)
		return fmt.Errorf("ginoauth: writing the session: %w", err)
	}
	return nil
}

// SignOut ends the session, with all that the application kept in it: its
// record is deleted, and so is the cookie in this browser. A cookie of the cookie
// store has no record, so a copy of it stays good: only SessionOptions.LoadUser
// ends that. Without a session SignOut just deletes the cookie. Call it before the
// response is written. An error is a fault; the record may then still be there.
func (s *Sessions) SignOut(c *gin.Context) error {
	r, session, err := s.session(c)
	if session == nil {
		return err
	}
	session.Options.MaxAge = -1
	if saveErr := s.store.Save(r, c.Writer, session); saveErr != nil {
		return fmt.Errorf("ginoauth: deleting the session: %w", saveErr)
	}
	return err
}

func timeIn(session *gsessions.Session, key string) (time.Time, bool) {
	text, _ := session.Values[key].(string)
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.UnixMilli(ms).UTC(), err == nil
}

func setTime(session *gsessions.Session, key string, t time.Time) {
	session.Values[key] = strconv.FormatInt(t.UnixMilli(), 10)
}
