package engine

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// pageLifetime is how long a consent page can be answered.
const pageLifetime = 10 * time.Minute

// sealed is what a consent form carries. State is bytes because JSON would
// repair text that is not UTF-8, and the client wants it back as it was.
type sealed struct {
	Grant           model.GrantID
	ClientID        string
	RedirectURI     string
	RedirectURISent bool
	Scope           model.Scope
	Resources       model.Resources
	State           []byte
	HasState        bool
	Challenge       [32]byte
	HasChallenge    bool
	ExpiresAt       int64 // Unix milliseconds
}

// makeSeals prepares the keys; the first seals, all open.
func makeSeals(keys [][]byte) ([]cipher.AEAD, error) {
	if len(keys) == 0 {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return nil, err
		}
		keys = [][]byte{key}
	}
	seals := make([]cipher.AEAD, 0, len(keys))
	for _, k := range keys {
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, fmt.Errorf("engine: Config.Keys: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("engine: Config.Keys: %w", err)
		}
		seals = append(seals, aead)
	}
	return seals, nil
}

// Seal returns what the consent form carries for this request: encrypted and
// authenticated, bound to the user and the session, good for 10 minutes. It
// says what was shown, so that nothing else can be approved by it.
func (s *Server) Seal(req *AuthorizeRequest, user *model.User) (string, error) {
	if user == nil || user.ID == "" {
		return "", errors.New("engine: Seal needs a signed-in user")
	}
	return s.box(consentPage, user, sealed{
		Grant: req.GrantID, ClientID: req.ClientID,
		RedirectURI: req.RedirectURI, RedirectURISent: req.RedirectURISent,
		Scope: req.Scope, Resources: req.Resources, State: []byte(req.State), HasState: req.HasState,
		Challenge: req.Challenge, HasChallenge: req.HasChallenge,
		ExpiresAt: s.now().Add(pageLifetime).UnixMilli(),
	})
}

// The pages that carry a sealed form. None opens the form of another.
const (
	consentPage = "consent v1"
	devicePage  = "device v1"
)

// box seals what a page carries for this user.
func (s *Server) box(page string, user *model.User, content any) (string, error) {
	plain, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.seals[0].Seal(nil, nil, plain, binding(page, user))), nil
}

// unbox opens what box sealed for the same page and user.
func (s *Server) unbox(page string, user *model.User, form string, content any) *Error {
	box, err := base64.RawURLEncoding.DecodeString(form)
	if err != nil {
		return stalePage(err)
	}
	var plain []byte
	for _, seal := range s.seals {
		if plain, err = seal.Open(nil, nil, box, binding(page, user)); err == nil {
			break
		}
	}
	if err != nil {
		return stalePage(errors.New("the form was sealed with another key, for another page or user, or in another session"))
	}
	if err := json.Unmarshal(plain, content); err != nil {
		return stalePage(err)
	}
	return nil
}

// Open restores the request from what the consent form sent back. The error is
// an *Error without redirect: the page expired, was made with another key, or
// for another user or session.
func (s *Server) Open(ctx context.Context, form string, user *model.User) (*AuthorizeRequest, error) {
	if user == nil || user.ID == "" {
		return nil, errors.New("engine: Open needs a signed-in user")
	}
	req, e := s.open(form, user)
	if e != nil {
		return nil, s.refused(ctx, Event{Endpoint: atAuthorize, UserID: user.ID}, e)
	}
	return req, nil
}

func (s *Server) open(form string, user *model.User) (*AuthorizeRequest, *Error) {
	var f sealed
	if e := s.unbox(consentPage, user, form, &f); e != nil {
		return nil, e
	}
	if s.now().UnixMilli() >= f.ExpiresAt {
		return nil, stalePage(errors.New("the form is older than 10 minutes"))
	}
	return &AuthorizeRequest{
		GrantID: f.Grant, ClientID: f.ClientID,
		RedirectURI: f.RedirectURI, RedirectURISent: f.RedirectURISent,
		Scope: f.Scope, Resources: f.Resources, State: string(f.State), HasState: f.HasState,
		Challenge: f.Challenge, HasChallenge: f.HasChallenge,
		opened: true,
	}, nil
}

// binding is the additional data of the seal: a form opens only for the user
// and the session that it was made for.
func binding(page string, user *model.User) []byte {
	return fmt.Appendf(nil, "gin-oauth-server %s\x00%d:%s%s", page, len(user.ID), user.ID, user.SessionID)
}

// ReasonStalePage is the [Error].Reason of an answer to a page that can no
// longer be approved. The way on is to ask the same request afresh.
const ReasonStalePage = "stale_page"

func stalePage(cause error) *Error {
	return refuse(CodeInvalidRequest, ReasonStalePage, "This page has expired or was answered before.").because(cause)
}
