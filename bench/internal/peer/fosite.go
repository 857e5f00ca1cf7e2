package peer

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/storage"
)

// Fosite is ory/fosite with client secrets under SHA-256, as this project keeps
// them. Generated secrets need no slower hash.
func Fosite() Peer {
	return Peer{
		Name: "fosite", Title: "fosite (SHA-256 secrets)", Refusal: http.StatusUnauthorized,
		Modules: []string{"github.com/ory/fosite"},
		Notes: []string{
			"its MemoryStore with one more lock, because it changes the map of refresh tokens under another lock than it reads it; opaque HMAC tokens, PKCE demanded, exact scopes; client secrets under SHA-256 by a Hasher of three lines, for like with like",
		},
		New: func(Options) (*Instance, error) { return newFosite(sha256Hasher{}) },
	}
}

// FositeBcrypt is ory/fosite with its own hash of client secrets, at the lowest
// cost that there is.
func FositeBcrypt() Peer {
	p := Fosite()
	p.Name, p.Title, p.Variant = "fosite-bcrypt", "fosite (bcrypt, cost 4)", true
	p.Modules = nil
	p.Notes = []string{"the same with fosite's own hasher at the lowest cost, 4; its default is 12, which is 256 times as slow"}
	p.New = func(Options) (*Instance, error) {
		return newFosite(&fosite.BCrypt{Config: &fosite.Config{HashCost: 4}})
	}
	return p
}

func newFosite(hasher fosite.Hasher) (*Instance, error) {
	secret, err := hasher.Hash(context.Background(), []byte(ClientSecret))
	if err != nil {
		return nil, err
	}
	store := &fositeStore{MemoryStore: storage.NewMemoryStore()}
	store.Clients[ClientID] = &fosite.DefaultClient{
		ID: ClientID, Secret: secret, RedirectURIs: []string{RedirectURI}, Scopes: []string{Scope}, ResponseTypes: []string{"code"},
		GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"},
	}
	config := &fosite.Config{
		AuthorizeCodeLifespan: CodeLifetime, AccessTokenLifespan: AccessLifetime, RefreshTokenLifespan: RefreshLifetime,
		GlobalSecret: []byte("32 bytes that sign all of tokens"), ClientSecretsHasher: hasher,
		EnforcePKCE: true, ScopeStrategy: fosite.ExactScopeStrategy,
		RefreshTokenScopes: []string{}, // a refresh token for every code
	}
	provider := compose.Compose(config, store, compose.NewOAuth2HMACStrategy(config),
		compose.OAuth2AuthorizeExplicitFactory, compose.OAuth2RefreshTokenGrantFactory, compose.OAuth2ClientCredentialsGrantFactory,
		compose.OAuth2PKCEFactory, compose.OAuth2TokenIntrospectionFactory)
	f := &fositeHandlers{provider}

	r := newRouter()
	r.POST(TokenPath, f.token)
	r.GET(AuthorizePath, f.authorize)
	r.GET(GuardedPath, f.authenticate, ok)
	return &Instance{Handler: r}, nil
}

type fositeHandlers struct{ provider fosite.OAuth2Provider }

func (f *fositeHandlers) token(c *gin.Context) {
	ctx := c.Request.Context()
	req, err := f.provider.NewAccessRequest(ctx, c.Request, &fosite.DefaultSession{})
	if err != nil {
		f.provider.WriteAccessError(ctx, c.Writer, req, err)
		return
	}
	if req.GetGrantTypes().ExactOne("client_credentials") {
		for _, scope := range req.GetRequestedScopes() {
			req.GrantScope(scope)
		}
	}
	res, err := f.provider.NewAccessResponse(ctx, req)
	if err != nil {
		f.provider.WriteAccessError(ctx, c.Writer, req, err)
		return
	}
	f.provider.WriteAccessResponse(ctx, c.Writer, req, res)
}

func (f *fositeHandlers) authorize(c *gin.Context) {
	ctx := c.Request.Context()
	req, err := f.provider.NewAuthorizeRequest(ctx, c.Request)
	if err != nil {
		f.provider.WriteAuthorizeError(ctx, c.Writer, req, err)
		return
	}
	for _, scope := range req.GetRequestedScopes() {
		req.GrantScope(scope)
	}
	res, err := f.provider.NewAuthorizeResponse(ctx, req, &fosite.DefaultSession{Subject: UserID})
	if err != nil {
		f.provider.WriteAuthorizeError(ctx, c.Writer, req, err)
		return
	}
	f.provider.WriteAuthorizeResponse(ctx, c.Writer, req, res)
}

func (f *fositeHandlers) authenticate(c *gin.Context) {
	token := fosite.AccessTokenFromRequest(c.Request)
	_, _, err := f.provider.IntrospectToken(c.Request.Context(), token, fosite.AccessToken, &fosite.DefaultSession{}, Scope)
	if err != nil {
		refuse(c)
	}
}

// fositeStore is fosite's MemoryStore, which changes RefreshTokens in
// RevokeRefreshToken without the lock that it reads them with.
type fositeStore struct {
	*storage.MemoryStore
	mu sync.RWMutex
}

func (s *fositeStore) CreateRefreshTokenSession(ctx context.Context, signature, access string, r fosite.Requester) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.MemoryStore.CreateRefreshTokenSession(ctx, signature, access, r)
}

func (s *fositeStore) GetRefreshTokenSession(ctx context.Context, signature string, session fosite.Session) (fosite.Requester, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.MemoryStore.GetRefreshTokenSession(ctx, signature, session)
}

func (s *fositeStore) RevokeRefreshToken(ctx context.Context, requestID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.MemoryStore.RevokeRefreshToken(ctx, requestID)
}

func (s *fositeStore) RotateRefreshToken(ctx context.Context, requestID, signature string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.MemoryStore.RotateRefreshToken(ctx, requestID, signature)
}

// sha256Hasher keeps client secrets under SHA-256.
type sha256Hasher struct{}

func (sha256Hasher) Hash(_ context.Context, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	return sum[:], nil
}

func (sha256Hasher) Compare(_ context.Context, hash, data []byte) error {
	sum := sha256.Sum256(data)
	if subtle.ConstantTimeCompare(hash, sum[:]) != 1 {
		return errors.New("the secret is another one")
	}
	return nil
}
