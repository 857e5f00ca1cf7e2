package ginoauth

import (
	"errors"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// ErrNoUser is what an authenticate handler returns when nobody is signed in.
var ErrNoUser = model.ErrNoUser

// SessionUser reads the user's id from this key of the application's own
// gin-contrib/sessions session.
func SessionUser(key string) func(*gin.Context) (*model.User, error) {
	return func(c *gin.Context) (*model.User, error) {
		v, _ := c.Get(sessions.DefaultKey)
		s, ok := v.(sessions.Session)
		if !ok {
			return nil, errors.New("ginoauth: the sessions middleware is not installed on this route")
		}
		id, _ := s.Get(key).(string)
		if id == "" {
			return nil, ErrNoUser
		}
		return &model.User{ID: id, SessionID: s.ID()}, nil
	}
}
