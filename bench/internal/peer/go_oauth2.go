package peer

import (
	"net/http"

	"github.com/gin-gonic/gin"
	ginserver "github.com/go-oauth2/gin-server"
	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	"github.com/go-oauth2/oauth2/v4/store"
)

// GoOAuth2 is go-oauth2/oauth2 with its adapter for Gin, go-oauth2/gin-server. The
// adapter keeps its server in a package variable that is set once, so a process
// can have one.
func GoOAuth2() Peer {
	return Peer{
		Name: "go-oauth2", Title: "go-oauth2 + gin-server", Refusal: http.StatusUnauthorized, New: newGoOAuth2,
		Modules: []string{"github.com/go-oauth2/oauth2/v4", "github.com/go-oauth2/gin-server"},
		Notes: []string{
			"its store in memory, which keeps each record as JSON in a buntdb",
			"PKCE demanded, S256 only; codes and tokens are derived from UUIDs and are stored as they are; no scope is checked anywhere",
			"a bad token is answered with 401 in place of gin-server's default, 500",
			"it sends the error for a redirect URI that is not registered to that URI",
		},
		Lax: []string{"the tokens of a code used twice", "the tokens of a refresh token used twice"},
	}
}

func newGoOAuth2(Options) (*Instance, error) {
	manager := manage.NewDefaultManager()
	manager.SetAuthorizeCodeExp(CodeLifetime)
	manager.SetAuthorizeCodeTokenCfg(&manage.Config{AccessTokenExp: AccessLifetime, RefreshTokenExp: RefreshLifetime, IsGenerateRefresh: true})
	manager.SetClientTokenCfg(&manage.Config{AccessTokenExp: AccessLifetime})
	manager.SetRefreshTokenCfg(&manage.RefreshingConfig{
		AccessTokenExp: AccessLifetime, RefreshTokenExp: RefreshLifetime, IsGenerateRefresh: true,
		IsResetRefreshTime: true, IsRemoveAccess: true, IsRemoveRefreshing: true,
	})
	tokens, err := store.NewMemoryTokenStore()
	if err != nil {
		return nil, err
	}
	manager.MapTokenStorage(tokens)
	clients := store.NewClientStore()
	if err := clients.Set(ClientID, &models.Client{ID: ClientID, Secret: ClientSecret, Domain: "https://client.example"}); err != nil {
		return nil, err
	}
	manager.MapClientStorage(clients)

	srv := ginserver.InitServer(manager)
	srv.Config.ForcePKCE = true
	srv.Config.AllowedCodeChallengeMethods = []oauth2.CodeChallengeMethod{oauth2.CodeChallengeS256}
	ginserver.SetClientInfoHandler(server.ClientBasicHandler)
	ginserver.SetAllowedResponseType(oauth2.Code)
	ginserver.SetAllowedGrantType(oauth2.AuthorizationCode, oauth2.Refreshing, oauth2.ClientCredentials)
	ginserver.SetUserAuthorizationHandler(func(http.ResponseWriter, *http.Request) (string, error) { return UserID, nil })
	guard := ginserver.DefaultConfig
	guard.ErrorHandleFunc = func(c *gin.Context, _ error) { refuse(c) }

	r := newRouter()
	r.POST(TokenPath, ginserver.HandleTokenRequest)
	r.GET(AuthorizePath, ginserver.HandleAuthorizeRequest)
	r.GET(GuardedPath, ginserver.HandleTokenVerify(guard), ok)
	return &Instance{Handler: r}, nil
}
