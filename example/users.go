package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// account is a user of the demo.
type account struct {
	user model.User
	salt []byte
	hash []byte
}

// users are the demo's own. An application has its own table in this place; all
// that the authorization server wants to know is a [model.User].
type users struct {
	iterations int
	byName     map[string]*account
	nobody     *account
	// slots bounds how many passwords are hashed at a time, so that logins cannot
	// take every core.
	slots chan struct{}
}

func newUsers(list []seedUser, iterations int) (*users, error) {
	u := &users{
		iterations: iterations,
		byName:     make(map[string]*account, len(list)),
		slots:      make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
	for _, s := range list {
		a, err := u.newAccount(s)
		if err != nil {
			return nil, err
		}
		u.byName[s.Username] = a
	}
	// An unknown name is compared with this account, so that it takes as long. It is
	// of no password.
	u.nobody = &account{salt: randomKey(16), hash: randomKey(sha256.Size)}
	return u, nil
}

func (u *users) newAccount(s seedUser) (*account, error) {
	a := &account{user: model.User{ID: s.Username, Name: s.Name}, salt: randomKey(16)}
	var err error
	a.hash, err = u.derive(s.Password, a.salt)
	return a, err
}

func (u *users) derive(password string, salt []byte) ([]byte, error) {
	return pbkdf2.Key(sha256.New, password, salt, u.iterations, sha256.Size)
}

// check returns the user with this name and password, or [model.ErrNoUser].
func (u *users) check(ctx context.Context, username, password string) (*model.User, error) {
	select {
	case u.slots <- struct{}{}:
		defer func() { <-u.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a, known := u.byName[username]
	if !known {
		a = u.nobody
	}
	hash, err := u.derive(password, a.salt)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(hash, a.hash) != 1 || !known {
		return nil, model.ErrNoUser
	}
	user := a.user
	return &user, nil
}

// get returns the user with this ID, or [model.ErrNoUser].
func (u *users) get(id string) (*model.User, error) {
	a, ok := u.byName[id]
	if !ok {
		return nil, model.ErrNoUser
	}
	user := a.user
	return &user, nil
}

// validate says what a user of a seed file may be.
func (s *seedUser) validate() error {
	switch {
	case s.Username == "":
		return errors.New("username is missing")
	case len(s.Username) > 255 || hasControl(s.Username):
		return errors.New("username must be at most 255 bytes without control characters")
	case s.Password == "":
		return errors.New("password is missing")
	case hasControl(s.Name):
		return errors.New("name must have no control characters")
	}
	return nil
}

func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
