// Package ginoauth makes an OAuth 2.0 authorization server out of a Gin
// application that already has users, a login page and a session.
//
//	store := memstore.New()
//	err := store.AddClient(model.Client{
//		ID: "web", Name: "Web", Secrets: model.HashSecrets(secret),
//		RedirectURIs: []string{"https://web.example/callback"}, Scope: "read",
//	})
//
//	oauth, err := ginoauth.New(engine.Config{
//		Model:  store,
//		Issuer: "https://auth.example.com",
//		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
//	}, ginoauth.Options{
//		AuthenticateHandler: ginoauth.SessionUser("user_id"),
//		LoginURL:            "/login",
//	})
//
//	r.Use(sessions.Sessions("app", cookie.NewStore(key)))
//	r.GET("/oauth/authorize", oauth.Authorize())
//	r.POST("/oauth/authorize", oauth.Authorize())
//	r.POST("/oauth/token", oauth.Token())
//
//	api := r.Group("/api", oauth.Authenticate("read"), oauth.RequireUser())
//	api.GET("/notes", func(c *gin.Context) {
//		c.JSON(200, notesOf(ginoauth.TokenFrom(c).UserID))
//	})
//
// The login stays the application's own. After it, the handler sends the browser
// back to where it came from:
//
//	c.Redirect(http.StatusSeeOther, oauth.ReturnTo(c, "/"))
//
// The protocol is decided in package engine. Here is only what Gin and browsers
// need: handlers, the signed-in user, the way through the login and back, and
// the consent and error pages.
package ginoauth
