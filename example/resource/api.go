package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/introspect"
)

// newAPI returns the API. The guard is all that it knows of OAuth.
func newAPI(cfg *config, log *slog.Logger) (http.Handler, error) {
	verifier, err := introspect.New(cfg.verifier())
	if err != nil {
		return nil, err
	}
	resource, err := engine.NewResource(engine.ResourceConfig{
		Verifier: verifier, Scopes: "profile read", Logger: log,
		Resource: cfg.resource, ResourceName: "The second API", AuthorizationServers: []string{strings.TrimSuffix(cfg.server, "/")},
	})
	if err != nil {
		return nil, err
	}
	guard := ginoauth.NewGuard(resource)

	r := gin.New()
	r.HandleMethodNotAllowed = true
	if err := r.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	r.Use(gin.Recovery())
	r.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	if cfg.resource != "" {
		u, err := url.Parse(resource.MetadataURL())
		if err != nil {
			return nil, err
		}
		r.GET(u.Path, guard.Metadata())
	}
	r.GET("/api/whoami", guard.Authenticate("read"), whoami)
	r.GET("/api/greeting", guard.Authenticate("profile"), guard.RequireUser(), greet)
	return r, nil
}

// whoami says whom and what the token stands for, and for which APIs it is.
func whoami(c *gin.Context) {
	t := ginoauth.TokenFrom(c)
	c.JSON(http.StatusOK, gin.H{"client_id": t.ClientID, "user_id": t.UserID, "scope": t.Scope.String(), "resources": t.Resources.List()})
}

// greet is for users only.
func greet(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"greeting": fmt.Sprintf("Hello, %s.", ginoauth.TokenFrom(c).UserID)})
}
