package main

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/ginoauth"
)

//go:embed login.html
var loginHTML string

// maxLoginForm bounds the login form, in bytes. It carries the way back to an
// authorization request, which can be long.
const maxLoginForm = 1 << 20

// login is the application's own sign-in. It knows one user; a real application
// compares a password hash, and limits the attempts.
type login struct {
	sessions *ginoauth.Sessions
	oauth    *ginoauth.Server
	origin   *http.CrossOriginProtection
	html     *template.Template
	log      *slog.Logger
}

func newLogin(sessions *ginoauth.Sessions, oauth *ginoauth.Server, log *slog.Logger) (*login, error) {
	html, err := template.New("login").Parse(loginHTML)
	if err != nil {
		return nil, err
	}
	return &login{sessions: sessions, oauth: oauth, origin: http.NewCrossOriginProtection(), html: html, log: log}, nil
}

func (l *login) show(c *gin.Context) { l.page(c, http.StatusOK, c.Query("return_to"), false) }

func (l *login) signIn(c *gin.Context) {
	if err := l.origin.Check(c.Request); err != nil {
		c.String(http.StatusForbidden, "This form came from another site.\n")
		return
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxLoginForm)
	if err := c.Request.ParseForm(); err != nil {
		c.String(http.StatusBadRequest, "This form could not be read.\n")
		return
	}
	form := c.Request.PostForm
	if !same(form.Get("username")+"\n"+form.Get("password"), "alice\nwonderland") {
		l.page(c, http.StatusForbidden, form.Get("return_to"), true)
		return
	}
	if err := l.sessions.SignIn(c, "alice"); err != nil {
		l.log.Error("login", "err", err)
		c.String(http.StatusInternalServerError, "Something went wrong here. Please try again.\n")
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, l.oauth.ReturnTo(c, "/login"))
}

func (l *login) page(c *gin.Context, status int, returnTo string, failed bool) {
	h := c.Writer.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "same-origin")
	c.Status(status)
	if err := l.html.Execute(c.Writer, gin.H{"ReturnTo": returnTo, "Failed": failed}); err != nil {
		l.log.Error("login page", "err", err)
	}
}

// same compares in a time that tells nothing about either.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
