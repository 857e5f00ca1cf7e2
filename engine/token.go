package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// TokenResponse is what the token endpoint answers (RFC 6749, section 5.1), to
// be written with [Server.WriteToken].
type TokenResponse struct {
	// AccessToken and RefreshToken are the secrets themselves; they go to the
	// client and nowhere else. RefreshToken is empty when there is none.
	AccessToken, RefreshToken string
	// ExpiresIn is the rest of the access token's life in whole seconds, rounded
	// up, at least 1.
	ExpiresIn int64
	// Token is the record that was saved.
	Token *model.Token
}

// Token answers a token request (RFC 6749, section 3.2). The error is an *Error.
//
// The order of checks is fixed: shape of the request, client, credential,
// binding to this client, redirect URI, PKCE, scope, user, and only then is
// anything spent. A refused request spends nothing, but for a code that was
// presented with a wrong verifier.
func (s *Server) Token(r *http.Request) (res *TokenResponse, err error) {
	ctx := r.Context()
	defer s.caught(ctx, atToken, &err)
	ev := Event{Endpoint: atToken}
	res, e := s.token(r, &ev)
	if e != nil {
		return nil, s.refused(ctx, ev, e)
	}
	return res, nil
}

func (s *Server) token(r *http.Request, ev *Event) (*TokenResponse, *Error) {
	if r.Method != http.MethodPost {
		return nil, methodNotAllowed(http.MethodPost)
	}
	if err := s.limitAddress(r, atToken); err != nil {
		return nil, err
	}
	req := &TokenRequest{http: r}
	f := &req.form
	if err := s.readForm(r, f); err != nil {
		return nil, err
	}
	ev.ClientID = loggable(f.get("client_id"))
	if f.repeated != "" {
		return nil, repeatedParameter(f.repeated)
	}
	client, err := s.authenticateClient(r, f, ev)
	if err != nil {
		return nil, err
	}
	req.Client, req.GrantType = client, f.get("grant_type")
	ev.ClientID, ev.GrantType = client.ID, loggable(req.GrantType)
	grant, err := s.grantFor(req)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	d, fail := grant.Decide(ctx, req)
	if fail != nil {
		return nil, asError(fail, "grant")
	}
	if d == nil {
		return nil, fault(errors.New("the grant returned neither a decision nor an error"), "grant")
	}
	ev.UserID = d.UserID
	return s.issue(ctx, req, d, ev)
}

func (s *Server) grantFor(req *TokenRequest) (Grant, *Error) {
	if req.GrantType == "" {
		return nil, refuse(CodeInvalidRequest, "grant_type_missing", "The parameter grant_type is missing.")
	}
	grant, ok := s.grants[req.GrantType]
	if !ok {
		return nil, refuse(CodeUnsupportedGrantType, "grant_type", "The grant_type is not supported.").because(fmt.Errorf("sent %q", loggable(req.GrantType))).instead(req.GrantType, sortedKeys(s.grants)...)
	}
	if !req.Client.AllowsGrant(req.GrantType) {
		return nil, refuse(CodeUnauthorizedClient, "client_grant", "The client may not use this grant_type.")
	}
	return grant, nil
}

// issue does for every grant what comes after its decision.
func (s *Server) issue(ctx context.Context, req *TokenRequest, d *Decision, ev *Event) (*TokenResponse, *Error) {
	scope, err := s.scopeOf(req, d)
	if err != nil {
		return nil, err
	}
	scope, err = s.policyScope(ctx, ScopeRequest{Client: req.Client, UserID: d.UserID, GrantType: req.GrantType, Scope: scope})
	if err != nil {
		return nil, err
	}
	if err := s.checkUser(ctx, d.UserID, CodeInvalidGrant); err != nil {
		return nil, err
	}
	t, err := s.prepare(req, d, scope)
	if err != nil {
		return nil, err
	}
	ev.GrantID, ev.Scope = t.GrantID, t.Scope
	var res *TokenResponse
	if d.complete != nil {
		res, err = d.complete.complete(ctx, s, t)
	} else {
		res, err = s.openGrant(ctx, t)
	}
	if err != nil {
		return nil, err
	}
	s.used(ctx, req.Client)
	issued := *ev
	issued.Type, issued.Time, issued.Scope = EventIssued, t.IssuedAt, res.Token.Scope
	if res.Token != t {
		issued.Type = EventReissued
	}
	s.emit(ctx, issued)
	return res, nil
}

// openGrant issues a token that opens its grant.
func (s *Server) openGrant(ctx context.Context, t *model.Token) (*TokenResponse, *Error) {
	res, err := s.mint(ctx, t, nil)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Model.SaveToken(ctx, t); err != nil {
		return nil, asError(err, "save_token")
	}
	return res, nil
}

// mint makes the secrets of a prepared token, by derivation if derive is given,
// and fills its digests and extended attributes in.
func (s *Server) mint(ctx context.Context, t *model.Token, derive func(label string) [secretLen]byte) (*TokenResponse, *Error) {
	if err := s.attributes(ctx, t); err != nil {
		return nil, err
	}
	access, err := s.mintOne(ctx, AccessToken, t, derive)
	if err != nil {
		return nil, err
	}
	t.Access = access.key.Digest
	res := &TokenResponse{AccessToken: access.text, ExpiresIn: secondsUntil(t.IssuedAt, t.AccessExpiresAt), Token: t}
	if hasRefresh(t) {
		refresh, err := s.mintOne(ctx, RefreshToken, t, derive)
		if err != nil {
			return nil, err
		}
		t.Refresh = refresh.key.Digest
		res.RefreshToken = refresh.text
	}
	return res, nil
}

func (s *Server) mintOne(ctx context.Context, kind TokenKind, t *model.Token, derive func(label string) [secretLen]byte) (credential, *Error) {
	switch {
	case s.cfg.GenerateToken != nil:
		return s.customToken(ctx, kind, t)
	case derive != nil && kind == AccessToken:
		return s.newCredential(t.GrantID, derive(accessLabel)), nil
	case derive != nil:
		return s.newCredential(t.GrantID, derive(refreshLabel)), nil
	}
	c, err := s.randomCredential(t.GrantID)
	if err != nil {
		return credential{}, fault(err, "random")
	}
	return c, nil
}

// customToken asks the application's generator, and makes sure that the token
// will be found again where its record is.
func (s *Server) customToken(ctx context.Context, kind TokenKind, t *model.Token) (credential, *Error) {
	view := *t
	text, err := s.cfg.GenerateToken(ctx, kind, &view)
	if err != nil {
		return credential{}, asError(err, "generate_token")
	}
	c, ok := s.parseToken(text)
	switch {
	case text == "" || len(text) > maxCredential || !isBearer(text):
		return credential{}, fault(errors.New("GenerateToken returned an empty or too long token, or one with characters that RFC 6750 does not allow"), "generate_token")
	case !ok || c.key.Grant != t.GrantID:
		return credential{}, fault(errors.New("TokenGrant does not read back the grant that GenerateToken was given"), "generate_token")
	case c.key.Digest == t.Access:
		return credential{}, fault(errors.New("GenerateToken returned one token twice"), "generate_token")
	}
	return c, nil
}

// attributes asks for the extended attributes of the response and keeps them
// with the token.
func (s *Server) attributes(ctx context.Context, t *model.Token) *Error {
	if s.cfg.TokenAttributes == nil {
		return nil
	}
	view := *t
	extra, err := s.cfg.TokenAttributes(ctx, &view)
	if err != nil {
		return asError(err, "token_attributes")
	}
	if len(extra) == 0 {
		return nil
	}
	for _, name := range coreMembers {
		if _, ok := extra[name]; ok {
			return fault(fmt.Errorf("TokenAttributes returned %q, which is a standard member", name), "token_attributes")
		}
	}
	t.Extra, err = json.Marshal(extra)
	if err != nil {
		return fault(err, "token_attributes")
	}
	return nil
}

// coreMembers are those of RFC 6749, section 5.1 and 5.2. The application's
// attributes cannot take their place.
//
//nolint:gochecknoglobals // read only
var coreMembers = [...]string{"access_token", "token_type", "expires_in", "refresh_token", "scope", "error", "error_description", "error_uri"}

// secondsUntil is the lifetime as the wire has it: rounded up, and never 0,
// which some clients read as "never expires".
func secondsUntil(now, at time.Time) int64 {
	return max(1, int64((at.Sub(now)+time.Second-1)/time.Second))
}

// ownDeadline bounds what the engine does on its own account, after the client
// may have gone.
const ownDeadline = 5 * time.Second

// ownContext is for what must be done even when the client hung up.
func ownContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), ownDeadline)
}

// isOutcome reports whether the store said what happened, as opposed to a fault
// after which nobody knows.
func isOutcome(err error) bool {
	return errors.Is(err, model.ErrNotFound) || errors.Is(err, model.ErrSpent) || errors.Is(err, model.ErrRevoked) || errors.Is(err, model.ErrExists)
}

// landed asks once, after a fault of the store, whether the token was saved all
// the same. Only the winner's is ever saved, so a token that is there is ours.
func (s *Server) landed(ctx context.Context, t *model.Token) bool {
	own, cancel := ownContext(ctx)
	defer cancel()
	_, err := s.cfg.Model.GetAccessToken(own, t.AccessKey())
	return err == nil
}

// revokeReplayed ends the grant of a spent credential that was used again, and
// returns the answer for whoever used it.
func (s *Server) revokeReplayed(ctx context.Context, t *model.Token, grantType string, answer *Error) *Error {
	ev := Event{Type: EventReplayed, Endpoint: atToken, GrantType: grantType, GrantID: t.GrantID, ClientID: t.ClientID, UserID: t.UserID, Reason: answer.Reason}
	s.emit(ctx, ev)
	own, cancel := ownContext(ctx)
	defer cancel()
	if err := s.revokeGrant(own, t.GrantID); err != nil {
		return fault(err, "revoke_grant")
	}
	ev.Type = EventRevoked
	s.emit(ctx, ev)
	return answer
}
