package ginoauth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// ErrNoUser is what an authenticate handler returns when nobody is signed in.
// The browser is then sent to the login; any other error is a fault.
var ErrNoUser = model.ErrNoUser

// SessionUser returns an authenticate handler for the application that already
// has a login: it reads the id that the application keeps under key in its
// gin-contrib/sessions session. With SessionsMany, the session that has the key
// is taken.
//
// Strings and integers of every kind are taken, also named types. No value, an
// empty string and 0 are nobody ([ErrNoUser]). A value of another type, two
// sessions that both have the key, a missing sessions middleware and a store
// that could not be read are faults. (The MongoDB and GORM stores do not tell
// when they cannot be read; with them everybody is signed out meanwhile.)
//
// The user's SessionID comes from the session's own id, which the stores on the
// server have; with the cookie store it is empty, and a consent page is bound to
// the user only. gin-contrib/sessions keeps the id over a sign-in, so that on
// those stores an attacker who plants a cookie is signed in with its victim:
// [NewSessions] changes it.
//
// The handler is safe for concurrent use.
func SessionUser(key string) func(*gin.Context) (*model.User, error) {
	return func(c *gin.Context) (*model.User, error) {
		all, err := installedSessions(c)
		if err != nil {
			return nil, err
		}
		var user *model.User
		for _, s := range all {
			found, err := userIn(c, s, key)
			switch {
			case err != nil:
				return nil, err
			case found == nil:
				continue
			case user != nil:
				return nil, fmt.Errorf("ginoauth: more than one session has the key %q: use a key of its own for the signed-in user", key)
			}
			user = found
		}
		if user == nil {
			return nil, ErrNoUser
		}
		return user, nil
	}
}

// installedSessions returns what the sessions middleware left in c, by name
// where there are several.
func installedSessions(c *gin.Context) ([]sessions.Session, error) {
	v, _ := c.Get(sessions.DefaultKey)
	switch v := v.(type) {
	case sessions.Session:
		return []sessions.Session{v}, nil
	case map[string]sessions.Session:
		var all []sessions.Session
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, v[name])
		}
		return all, nil
	}
	return nil, errors.New("ginoauth: the sessions middleware is not installed on this route: put r.Use(sessions.Sessions(…)) before it")
}

// userIn returns the user under key in s, or nil.
func userIn(c *gin.Context, s sessions.Session, key string) (*model.User, error) {
	// The session's concrete type has this method; its interface has not. Get and
	// ID of a session whose cookie name is invalid would panic.
	inner, ok := s.(interface{ Session() *gsessions.Session })
	if !ok {
		return nil, fmt.Errorf("ginoauth: sessions of type %T are not those of gin-contrib/sessions", s)
	}
	session := inner.Session()
	if session == nil {
		return nil, errors.New("ginoauth: the session cannot be loaded: its cookie's name has a character that cookies do not take")
	}
	id, err := userID(key, session.Values[key])
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, loadError(c, session)
	}
	user := &model.User{ID: id}
	if session.ID != "" {
		// Hashed, since it is half of what a cookie is worth.
		sum := sha256.Sum256([]byte(session.Name() + "\x00" + session.ID))
		user.SessionID = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return user, nil
}

func userID(key string, v any) (string, error) {
	if v == nil {
		return "", nil
	}
	rv := reflect.ValueOf(v)
	switch {
	case rv.Kind() == reflect.String:
		return rv.String(), nil
	case rv.CanInt() && rv.Int() != 0:
		return strconv.FormatInt(rv.Int(), 10), nil
	case rv.CanUint() && rv.Uint() != 0:
		return strconv.FormatUint(rv.Uint(), 10), nil
	case rv.CanInt(), rv.CanUint():
		return "", nil
	}
	return "", fmt.Errorf("ginoauth: session key %q has a value of type %T: keep the user's id there, as a string or an integer", key, v)
}

// loadError tells whether the session is empty because its store failed, which
// gin-contrib/sessions only logs. The store answers from what it remembers of
// this request.
func loadError(c *gin.Context, session *gsessions.Session) error {
	if len(c.Request.CookiesNamed(session.Name())) == 0 {
		return nil
	}
	_, err := session.Store().Get(c.Request, session.Name())
	if err == nil || noSession(err) {
		return nil
	}
	return fmt.Errorf("ginoauth: reading the session: %w", err)
}
