package main

import (
	"log"
	"net/http"
	"os"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// quickStart is the README's quick start: what stands between the two marks is
// copied there, so what the README shows compiles.
func quickStart(key []byte, login func(*gin.Context), notesOf func(userID string) []string) *gin.Engine {
	// quick start: begin
	store := memstore.New()
	if err := store.AddClient(model.Client{
		ID: "web", Name: "Web", Secrets: model.HashSecrets(os.Getenv("WEB_SECRET")),
		RedirectURIs: []string{"https://web.example/callback"}, Scope: "read",
	}); err != nil {
		log.Fatal(err)
	}
	oauth, err := ginoauth.New(engine.Config{
		Model: store, Issuer: "http://localhost:8080",
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
	}, ginoauth.Options{AuthenticateHandler: ginoauth.SessionUser("user_id"), LoginURL: "/login"})
	if err != nil {
		log.Fatal(err)
	}

	r := gin.Default()
	r.Use(sessions.Sessions("app", cookie.NewStore(key))) // the session and the login are your own;
	r.POST("/login", func(c *gin.Context) {               // the login sets "user_id" and ends in ReturnTo
		login(c)
		c.Redirect(http.StatusSeeOther, oauth.ReturnTo(c, "/"))
	})
	r.GET("/oauth/authorize", oauth.Authorize())
	r.POST("/oauth/authorize", oauth.Authorize())
	r.POST("/oauth/token", oauth.Token())

	api := r.Group("/api", oauth.Authenticate("read"), oauth.RequireUser())
	api.GET("/notes", func(c *gin.Context) { c.JSON(http.StatusOK, notesOf(ginoauth.TokenFrom(c).UserID)) })
	// quick start: end
	return r
}
