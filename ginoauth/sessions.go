package ginoauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gsessions "github.com/gorilla/sessions"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// SessionOptions configures [NewSessions].
type SessionOptions struct {
	// Issuer is the one of engine.Config. If and only if it is https, cookies are
	// Secure and their names begin with __Host-. Required.
	Issuer string
	// Name is the cookie's, without the prefix. Defaults to "session".
	Name string
	// Idle is how long a session lives without a request. A session is written
	// only when a tenth of Idle has passed since it was written last, so it can
	// end that much early. Defaults to 12 hours. The store may have a limit of its
	// own: those of gin-contrib/sessions take no cookie that was written more than
	// 30 days ago.
	Idle time.Duration
	// Absolute is how long a session lives after the sign-in. Defaults to 7 days.
	Absolute time.Duration
	// LoadUser, if set, is asked at each call of [Sessions.User]. It gets a user
	// with ID, AuthTime and SessionID and may fill in the name. It returns the time
	// before which no session of this user is good: sessions that were signed in
	// earlier are signed out. Keep that time with the user, and set it to now when
	// the password changes or the user asks to be signed out everywhere, before a
	// SignIn in the same handler; what the database keeps of it must not be
	// rounded up. With the cookie store nothing else ends a cookie that somebody
	// copied. [ErrNoUser] is for a user who was deleted or disabled; any other error
	// is a fault.
	LoadUser func(ctx context.Context, user *model.User) (validFrom time.Time, err error)
	// Clock tells the time. Defaults to time.Now.
	Clock func() time.Time
}

// Sessions signs users in and out, on any store of gin-contrib/sessions. It is
// made by [NewSessions] and safe for concurrent use.
type Sessions struct {
	store          *sessionStore
	name           string
	idle, absolute time.Duration
	loadUser       func(context.Context, *model.User) (time.Time, error)
	clock          func() time.Time
	install        gin.HandlerFunc
}

// NewSessions returns sessions for the application that leaves signing in and
// out to this package: the session's id changes at the sign-in, a record is
// deleted at the sign-out, idle and absolute limits hold whatever the cookie
// says, and an unreachable store is a fault and not a user who is signed out.
//
// The store's keys should be 64 random bytes to sign and, for the cookie store,
// 32 more to encrypt; they come from the configuration, and older pairs may
// follow them. The memstore of gin-contrib/sessions is for development: it never
// forgets a session that was not signed out.
//
// All problems of the options are returned in one error.
func NewSessions(store sessions.Store, o SessionOptions) (*Sessions, error) {
	var errs []error
	problem := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("ginoauth: "+format, args...))
	}
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http" {
		problem("SessionOptions.Issuer %q is not an http or https URL: use that of engine.Config", o.Issuer)
	}
	if o.Name == "" {
		o.Name = "session"
	}
	if strings.HasPrefix(strings.ToLower(o.Name), "__") {
		problem("SessionOptions.Name %q has a prefix: leave it out, an https issuer adds __Host-", o.Name)
	} else if c, err := http.ParseCookie(o.Name + "=x"); err != nil || len(c) != 1 || c[0].Name != o.Name {
		problem("SessionOptions.Name %q is not a cookie's name: use letters, digits, - and _", o.Name)
	}
	if o.Idle < 0 || o.Absolute < 0 {
		problem("SessionOptions.Idle and Absolute must not be negative: 0 is the default")
	}
	if store == nil {
		problem("NewSessions needs a session store, for example cookie.NewStore(key)")
	} else if err := checkKeys(store); err != nil {
		problem("the session store's keys cannot be used: %w: give it 32 or 64 random bytes, and 16, 24 or 32 to encrypt", err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}

	s := &Sessions{name: o.Name, idle: o.Idle, absolute: o.Absolute, loadUser: o.LoadUser, clock: o.Clock}
	if s.idle == 0 {
		s.idle = 12 * time.Hour
	}
	if s.absolute == 0 {
		s.absolute = 7 * 24 * time.Hour
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	secure := issuer.Scheme == "https"
	if secure {
		s.name = "__Host-" + s.name
	}
	s.store = &sessionStore{Store: store, options: gsessions.Options{
		Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
		// Never 0, which some stores take for a deletion.
		MaxAge: int((min(s.idle, s.absolute) + time.Second - 1) / time.Second),
	}}
	s.install = sessions.Sessions(s.name, s.store)
	return s, nil
}

// checkKeys lets the store read a cookie that is none. A store without usable
// keys says so, and none gets as far as looking for a record.
func checkKeys(store sessions.Store) error {
	r := &http.Request{Header: http.Header{"Cookie": {"session=x"}}}
	_, err := store.New(r, "session")
	if err == nil || noSession(err) {
		return nil
	}
	return err
}

// Middleware makes the session available to the handlers after it. It has to
// run before [Sessions.User], [Sessions.SignIn] and [Sessions.SignOut]. To
// handlers, sessions.Default is this session too, for what the application wants
// to keep in it; SignIn and SignOut empty it. Cookies get the attributes of
// [SessionOptions], whatever is passed to the session's Options. A middleware
// that replaces the response's writer, such as a timeout, goes before this one.
func (s *Sessions) Middleware() gin.HandlerFunc {
	return func(c *gin.Context) {
		// The session belongs to this request value, which a later middleware may
		// replace in c.
		c.Set(s, c.Request)
		s.install(c)
	}
}

// session returns the request's session, and with it the request that it
// belongs to. The session is nil if the middleware is missing and empty at any
// other error.
func (s *Sessions) session(c *gin.Context) (*http.Request, *gsessions.Session, error) {
	v, _ := c.Get(s)
	r, ok := v.(*http.Request)
	if !ok {
		return nil, nil, errors.New("ginoauth: the Middleware of Sessions is not installed on this route")
	}
	session, err := s.store.Get(r, s.name)
	if err != nil {
		err = fmt.Errorf("ginoauth: reading the session: %w", err)
	}
	return r, session, err
}
