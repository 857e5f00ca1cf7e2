package main

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// homeData is what the first page shows.
type homeData struct {
	Origin      string
	Issuer      string
	MetadataURL string
	Curl        string
	Device      string
	// Hint is a user to try, if that is no secret.
	Hint *seedUser
	// Canonical is this page at the server's own name, if that is another.
	Canonical string
	Endpoints []endpoint
}

type endpoint struct{ Method, Path, What string }

func (s *site) home(c *gin.Context) {
	metadata := s.oauth.Engine().MetadataPath()
	d := homeData{
		Origin: s.origin, Issuer: s.cfg.issuer, MetadataURL: s.origin + metadata,
		Curl: curlLine(s.origin, s.seed), Device: deviceLine(s.cfg.issuer, s.seed), Canonical: s.canonical(c.Request),
		Endpoints: []endpoint{
			{"GET POST", "/oauth/authorize", "asks the user; answers the client with a code"},
			{"POST", "/oauth/token", "gives tokens for a code, a refresh token or a client’s own secret"},
			{"POST", "/oauth/revoke", "takes a token back"},
			{"POST", "/oauth/introspect", "tells an API in another process what a token is worth"},
			{"POST", "/oauth/device_authorization", "gives a device without a browser a code to show (RFC 8628)"},
			{"GET POST", "/device", "where people type that code"},
			{"GET POST", applicationsPath, "where users see which applications have access, and take it back"},
			{"GET", metadata, "what this server can do (RFC 8414)"},
			{"GET", "/api/me", "who the token stands for; for the scope profile"},
			{"GET", "/api/notes", "the notes; for the scope read"},
			{"POST", "/api/notes", "a new note; for the scope write"},
		},
	}
	if s.seed.BuiltIn {
		d.Hint = &s.seed.Users[0]
	}
	s.pages.show(c, http.StatusOK, "home", page{Title: "gin-oauth-server demo", Here: "home", User: s.user(c), Data: d})
}
