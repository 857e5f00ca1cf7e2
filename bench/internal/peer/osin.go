package peer

import (
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/openshift/osin"
)

// Osin is openshift/osin. It comes without a store that several requests may use
// at once; osinStore is its example's with a lock.
func Osin() Peer {
	return Peer{
		Name: "osin", Title: "osin", Refusal: http.StatusUnauthorized, New: newOsin,
		Modules: []string{"github.com/openshift/osin"},
		Notes: []string{
			"its example's store with a lock around the maps, which forgets the token before a rotated one instead of keeping the whole chain",
			"PKCE is checked where a challenge was sent; it can be demanded of public clients only",
			"codes and tokens are UUIDs and are stored as they are; no scope is checked at the guarded route, for it has no middleware",
			"its Logger is replaced, since the default one prints each refusal; ErrorStatusCode is 400 in place of 200",
		},
		Lax: []string{"the tokens of a code used twice", "the tokens of a refresh token used twice"},
	}
}

func newOsin(Options) (*Instance, error) {
	config := osin.NewServerConfig()
	config.AuthorizationExpiration = int32(CodeLifetime.Seconds())
	config.AccessExpiration = int32(AccessLifetime.Seconds())
	config.AllowedAccessTypes = osin.AllowedAccessType{osin.AUTHORIZATION_CODE, osin.REFRESH_TOKEN, osin.CLIENT_CREDENTIALS}
	config.ErrorStatusCode = http.StatusBadRequest
	store := newOsinStore()
	store.clients[ClientID] = &osin.DefaultClient{Id: ClientID, Secret: ClientSecret, RedirectUri: RedirectURI}
	server := osin.NewServer(config, store)
	server.Logger = quiet{}

	r := newRouter()
	r.POST(TokenPath, func(c *gin.Context) {
		res := server.NewResponse()
		defer res.Close()
		if req := server.HandleAccessRequest(res, c.Request); req != nil {
			req.Authorized = true
			server.FinishAccessRequest(res, c.Request, req)
		}
		if err := osin.OutputJSON(res, c.Writer, c.Request); err != nil {
			_ = c.Error(err)
		}
	})
	r.GET(AuthorizePath, func(c *gin.Context) {
		res := server.NewResponse()
		defer res.Close()
		if req := server.HandleAuthorizeRequest(res, c.Request); req != nil {
			req.UserData = UserID
			req.Authorized = true
			server.FinishAuthorizeRequest(res, c.Request, req)
		}
		if err := osin.OutputJSON(res, c.Writer, c.Request); err != nil {
			_ = c.Error(err)
		}
	})
	r.GET(GuardedPath, func(c *gin.Context) {
		res := server.NewResponse()
		defer res.Close()
		if server.HandleInfoRequest(res, c.Request) == nil {
			refuse(c)
		}
	}, ok)
	return &Instance{Handler: r}, nil
}

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// osinStore is a store in memory.
type osinStore struct {
	mu      sync.RWMutex
	clients map[string]osin.Client
	codes   map[string]*osin.AuthorizeData
	access  map[string]*osin.AccessData
	refresh map[string]string
}

func newOsinStore() *osinStore {
	return &osinStore{
		clients: map[string]osin.Client{}, codes: map[string]*osin.AuthorizeData{},
		access: map[string]*osin.AccessData{}, refresh: map[string]string{},
	}
}

func (s *osinStore) Clone() osin.Storage { return s }

func (s *osinStore) Close() {}

func (s *osinStore) GetClient(id string) (osin.Client, error) { return get(&s.mu, s.clients, id) }

func (s *osinStore) SaveAuthorize(data *osin.AuthorizeData) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[data.Code] = data
	return nil
}

func (s *osinStore) LoadAuthorize(code string) (*osin.AuthorizeData, error) {
	return get(&s.mu, s.codes, code)
}

func (s *osinStore) RemoveAuthorize(code string) error { return remove(&s.mu, s.codes, code) }

// SaveAccess saves a token without what it was made from: a record that names the
// one before would keep all of a chain of refreshes alive.
func (s *osinStore) SaveAccess(data *osin.AccessData) error {
	kept := *data
	kept.AuthorizeData, kept.AccessData = nil, nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.access[data.AccessToken] = &kept
	if data.RefreshToken != "" {
		s.refresh[data.RefreshToken] = data.AccessToken
	}
	return nil
}

func (s *osinStore) LoadAccess(token string) (*osin.AccessData, error) {
	return get(&s.mu, s.access, token)
}

func (s *osinStore) RemoveAccess(token string) error { return remove(&s.mu, s.access, token) }

func (s *osinStore) LoadRefresh(token string) (*osin.AccessData, error) {
	access, err := get(&s.mu, s.refresh, token)
	if err != nil {
		return nil, err
	}
	return s.LoadAccess(access)
}

func (s *osinStore) RemoveRefresh(token string) error { return remove(&s.mu, s.refresh, token) }

func get[V any](mu *sync.RWMutex, m map[string]V, key string) (V, error) {
	mu.RLock()
	defer mu.RUnlock()
	v, found := m[key]
	if !found {
		return v, osin.ErrNotFound
	}
	return v, nil
}

func remove[V any](mu *sync.RWMutex, m map[string]V, key string) error {
	mu.Lock()
	defer mu.Unlock()
	delete(m, key)
	return nil
}
