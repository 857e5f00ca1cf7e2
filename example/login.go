package main

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// maxLoginForm bounds the login form, in bytes. It carries the way back to an
// authorization request, which can be long.
const maxLoginForm = 1 << 20

// loginData is what the login page shows.
type loginData struct {
	Username string
	ReturnTo string
	// ForClient tells that an application asked for access and waits.
	ForClient bool
	Failed    bool
	// Hint is a user to try, if that is no secret.
	Hint *seedUser
}

func (s *site) loginPage(c *gin.Context) {
	s.showLogin(c, http.StatusOK, loginData{ReturnTo: c.Request.URL.Query().Get("return_to")})
}

func (s *site) showLogin(c *gin.Context, status int, d loginData) {
	d.ForClient = s.oauth.ReturnTo(c, "") != ""
	if s.seed.BuiltIn {
		d.Hint = &s.seed.Users[0]
	}
	s.pages.show(c, status, "login", page{Title: "Sign in", User: s.user(c), Data: d})
}

// login checks the password and sends the browser back to where it came from:
// to the authorization request, if the login was for one.
func (s *site) login(c *gin.Context) {
	form, ok := s.form(c)
	if !ok {
		return
	}
	username := form.Get("username")
	limits := s.oauth.Engine()
	if err := limits.AllowLogin(c.Request, username); err != nil {
		engine.SetErrorHeaders(c.Writer.Header(), engine.AsError(err))
		s.message(c, http.StatusTooManyRequests, "Too many wrong passwords", "Please wait a moment and try again.")
		return
	}
	user, err := s.users.check(c.Request.Context(), username, form.Get("password"))
	if errors.Is(err, model.ErrNoUser) {
		limits.LoginFailed(c.Request, username)
		s.log.Info("login refused", "from", c.ClientIP())
		s.showLogin(c, http.StatusForbidden, loginData{Username: username, ReturnTo: form.Get("return_to"), Failed: true})
		return
	}
	if err == nil {
		err = s.sessions.SignIn(c, user.ID)
	}
	if err != nil {
		s.fault(c, "login", err)
		return
	}
	s.see(c, s.oauth.ReturnTo(c, "/"))
}

func (s *site) logoutPage(c *gin.Context) {
	s.pages.show(c, http.StatusOK, "logout", page{Title: "Sign out", User: s.user(c)})
}

func (s *site) logout(c *gin.Context) {
	if err := s.sessions.SignOut(c); err != nil {
		s.fault(c, "logout", err)
		return
	}
	s.see(c, "/logout")
}

// form reads the form of a request, or answers why not.
func (s *site) form(c *gin.Context) (url.Values, bool) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxLoginForm)
	if err := c.Request.ParseForm(); err != nil {
		s.message(c, http.StatusBadRequest, "This form could not be read", "Go back and send it once more.")
		return nil, false
	}
	return c.Request.PostForm, true
}

// see sends the browser on after a form.
func (s *site) see(c *gin.Context, to string) {
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusSeeOther, to)
}

// fault logs what went wrong and tells the user no more than that it did.
func (s *site) fault(c *gin.Context, what string, err error) {
	s.log.Error(what, "err", err)
	s.message(c, http.StatusInternalServerError, "Something went wrong here", "Please try again.")
}

func (s *site) notFound(c *gin.Context) {
	s.message(c, http.StatusNotFound, "There is no such page", "The address may be mistyped.")
}

// message shows a page of a heading and a sentence.
func (s *site) message(c *gin.Context, status int, heading, text string) {
	s.pages.show(c, status, "message", page{Title: heading, Data: text})
}
