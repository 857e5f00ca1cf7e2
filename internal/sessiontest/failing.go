package sessiontest

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/gin-contrib/sessions"
	gsessions "github.com/gorilla/sessions"
)

// ErrDown is what a failed store says.
var ErrDown = errors.New("dial tcp 192.0.2.1:6379: connection refused")

// Failing returns the store, and a function that makes it fail the way a store
// on another host does: there is an error for who has a cookie, and at Save.
func Failing(store sessions.Store) (sessions.Store, func()) {
	f := &failing{Store: store}
	return f, func() { f.down.Store(true) }
}

type failing struct {
	sessions.Store
	down atomic.Bool
}

func (f *failing) Get(r *http.Request, name string) (*gsessions.Session, error) {
	return gsessions.GetRegistry(r).Get(f, name)
}

func (f *failing) New(r *http.Request, name string) (*gsessions.Session, error) {
	session, err := f.Store.New(r, name)
	if _, noCookie := r.Cookie(name); f.down.Load() && noCookie == nil && err == nil {
		empty := gsessions.NewSession(f, name)
		empty.Options, empty.IsNew, empty.ID = session.Options, true, session.ID
		return empty, ErrDown
	}
	return session, err
}

func (f *failing) Save(r *http.Request, w http.ResponseWriter, s *gsessions.Session) error {
	if f.down.Load() {
		return ErrDown
	}
	return f.Store.Save(r, w, s)
}
