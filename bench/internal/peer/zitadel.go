package peer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Zitadel is package op of zitadel/oidc. It comes without a store; this one keeps
// what its example's keeps, in maps under a lock.
func Zitadel() Peer {
	return Peer{
		Name: "zitadel", Title: "zitadel op", Refusal: http.StatusUnauthorized, New: newZitadel,
		FlowScope: "openid offline_access " + Scope,
		Modules:   []string{"github.com/zitadel/oidc/v3"},
		Notes: []string{
			"a store in memory after its example's; opaque access tokens; the secret under SHA-256",
			"it is an OpenID provider: a code and a refresh bring an ID token too, signed with ES256 (its example's RS256 is far slower), and a refresh token needs the scope offline_access",
			"the authorization endpoint always goes by way of a login page, here straight back to its callback: three requests for a code flow",
			"PKCE is checked where a challenge was sent; it cannot be demanded of a confidential client; the guarded route decrypts the token and looks it up, for there is no middleware",
		},
		Lax: []string{"the tokens of a code used twice", "the tokens of a refresh token used twice"},
	}
}

func newZitadel(Options) (*Instance, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	store := &zitadelStore{
		key:      signingKey{key},
		requests: map[string]*authRequest{}, codes: map[string]string{},
		access: map[string]*accessRecord{}, refresh: map[string]*refreshRecord{},
	}
	config := &op.Config{CryptoKey: sha256.Sum256([]byte("key")), CryptoKeyId: "key", CodeMethodS256: true, GrantTypeRefreshToken: true}
	provider, err := op.NewProvider(config, store, op.StaticIssuer("http://localhost"), op.WithAllowInsecure(),
		op.WithCustomAuthEndpoint(op.NewEndpoint(AuthorizePath)), op.WithCustomTokenEndpoint(op.NewEndpoint(TokenPath)))
	if err != nil {
		return nil, err
	}
	r := newRouter()
	r.POST(TokenPath, gin.WrapH(provider))
	r.GET(AuthorizePath, gin.WrapH(provider))
	r.GET(callbackPath, gin.WrapH(provider))
	r.GET(GuardedPath, func(c *gin.Context) {
		token, found := strings.CutPrefix(c.GetHeader("Authorization"), oidc.PrefixBearer)
		if !found || !store.valid(provider.Crypto(), token) {
			refuse(c)
		}
	}, ok)
	return &Instance{Handler: r}, nil
}

const callbackPath = AuthorizePath + "/callback"

// zitadelStore is an op.Storage and op.ClientCredentialsStorage. Methods that no
// request here leads to come from the embedded nil interface.
type zitadelStore struct {
	op.Storage
	key signingKey

	mu       sync.Mutex
	requests map[string]*authRequest
	codes    map[string]string // code → id of its request
	access   map[string]*accessRecord
	refresh  map[string]*refreshRecord
}

type accessRecord struct {
	subject   string
	audience  []string
	scopes    []string
	expiresAt time.Time
}

type refreshRecord struct {
	subject   string
	audience  []string
	scopes    []string
	authTime  time.Time
	accessID  string
	expiresAt time.Time
}

// valid is the guard: it decrypts the token to the id of its record.
func (s *zitadelStore) valid(crypto op.Crypto, token string) bool {
	plain, err := crypto.Decrypt(token)
	if err != nil {
		return false
	}
	id, _, _ := strings.Cut(plain, ":")
	s.mu.Lock()
	defer s.mu.Unlock()
	record, found := s.access[id]
	return found && time.Now().Before(record.expiresAt)
}

func (s *zitadelStore) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	kept := &authRequest{AuthRequest: *r, id: uuid.NewString(), created: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[kept.id] = kept
	return kept, nil
}

func (s *zitadelStore) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.request(id)
}

func (s *zitadelStore) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.request(s.codes[code])
}

// request returns a request that lives. The lock is held.
func (s *zitadelStore) request(id string) (op.AuthRequest, error) {
	r, found := s.requests[id]
	if !found || time.Since(r.created) > CodeLifetime {
		return nil, errors.New("no such request")
	}
	return r, nil
}

func (s *zitadelStore) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	s.requests[id].code = code
	return nil
}

func (s *zitadelStore) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, found := s.requests[id]; found {
		delete(s.codes, r.code)
		delete(s.requests, id)
	}
	return nil
}

func (s *zitadelStore) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, expiresAt := s.newAccess(r)
	return id, expiresAt, nil
}

// newAccess saves an access token. The lock is held.
func (s *zitadelStore) newAccess(r op.TokenRequest) (string, time.Time) {
	id, expiresAt := uuid.NewString(), time.Now().Add(AccessLifetime)
	s.access[id] = &accessRecord{subject: r.GetSubject(), audience: r.GetAudience(), scopes: r.GetScopes(), expiresAt: expiresAt}
	return id, expiresAt
}

func (s *zitadelStore) CreateAccessAndRefreshTokens(_ context.Context, r op.TokenRequest, current string) (string, string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	authTime := time.Now()
	if current != "" {
		before, found := s.refresh[current]
		if !found {
			return "", "", time.Time{}, op.ErrInvalidRefreshToken
		}
		authTime = before.authTime
		delete(s.refresh, current)
		delete(s.access, before.accessID)
	}
	accessID, expiresAt := s.newAccess(r)
	token := uuid.NewString()
	s.refresh[token] = &refreshRecord{
		subject: r.GetSubject(), audience: r.GetAudience(), scopes: r.GetScopes(), authTime: authTime,
		accessID: accessID, expiresAt: time.Now().Add(RefreshLifetime),
	}
	return accessID, token, expiresAt, nil
}

func (s *zitadelStore) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	record, found := s.refresh[token]
	if !found || time.Now().After(record.expiresAt) {
		return nil, op.ErrInvalidRefreshToken
	}
	return &refreshRequest{*record}, nil
}

func (s *zitadelStore) SigningKey(context.Context) (op.SigningKey, error) { return s.key, nil }

func (s *zitadelStore) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, errors.New("no such client")
	}
	return zitadelClient{}, nil
}

func (s *zitadelStore) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	want, got := sha256.Sum256([]byte(ClientSecret)), sha256.Sum256([]byte(secret))
	if id != ClientID || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return errors.New("the secret is another one")
	}
	return nil
}

func (s *zitadelStore) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	return zitadelClient{}, nil
}

func (s *zitadelStore) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{id}, Scopes: scopes}, nil
}

func (s *zitadelStore) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// signingKey signs ID tokens.
type signingKey struct{ key *ecdsa.PrivateKey }

func (signingKey) ID() string                                  { return "key" }
func (signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k signingKey) Key() any                                  { return k.key }

// authRequest is an authorization request of a user who is signed in and agrees.
type authRequest struct {
	oidc.AuthRequest
	id, code string
	created  time.Time
}

func (r *authRequest) GetID() string                      { return r.id }
func (r *authRequest) GetACR() string                     { return "" }
func (r *authRequest) GetAMR() []string                   { return []string{"pwd"} }
func (r *authRequest) GetAudience() []string              { return []string{r.ClientID} }
func (r *authRequest) GetAuthTime() time.Time             { return r.created }
func (r *authRequest) GetClientID() string                { return r.ClientID }
func (r *authRequest) GetNonce() string                   { return r.Nonce }
func (r *authRequest) GetScopes() []string                { return r.Scopes }
func (r *authRequest) GetSubject() string                 { return UserID }
func (r *authRequest) Done() bool                         { return true }
func (r *authRequest) GetResponseMode() oidc.ResponseMode { return r.ResponseMode }

func (r *authRequest) GetCodeChallenge() *oidc.CodeChallenge {
	if r.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod}
}

// refreshRequest is the grant of a refresh token.
type refreshRequest struct{ refreshRecord }

func (r *refreshRequest) GetAMR() []string                 { return []string{"pwd"} }
func (r *refreshRequest) GetAudience() []string            { return r.audience }
func (r *refreshRequest) GetAuthTime() time.Time           { return r.authTime }
func (r *refreshRequest) GetClientID() string              { return ClientID }
func (r *refreshRequest) GetScopes() []string              { return r.scopes }
func (r *refreshRequest) GetSubject() string               { return r.subject }
func (r *refreshRequest) SetCurrentScopes(scopes []string) { r.scopes = scopes }

// zitadelClient is the one client.
type zitadelClient struct{}

func (zitadelClient) GetID() string                       { return ClientID }
func (zitadelClient) RedirectURIs() []string              { return []string{RedirectURI} }
func (zitadelClient) PostLogoutRedirectURIs() []string    { return nil }
func (zitadelClient) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (zitadelClient) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (zitadelClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (zitadelClient) LoginURL(id string) string            { return callbackPath + "?id=" + id }
func (zitadelClient) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (zitadelClient) IDTokenLifetime() time.Duration       { return AccessLifetime }
func (zitadelClient) DevMode() bool                        { return false }
func (zitadelClient) IsScopeAllowed(scope string) bool     { return scope == Scope }
func (zitadelClient) IDTokenUserinfoClaimsAssertion() bool { return false }
func (zitadelClient) ClockSkew() time.Duration             { return 0 }

func (zitadelClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeClientCredentials}
}

func (zitadelClient) RestrictAdditionalIdTokenScopes() func([]string) []string { return allScopes }

func (zitadelClient) RestrictAdditionalAccessTokenScopes() func([]string) []string { return allScopes }

func allScopes(scopes []string) []string { return scopes }
