package ginoauth

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// userCodeField is what the user types. It is also the parameter of the link
	// that a device may show as a QR code.
	userCodeField = "user_code"
	// deviceField carries the sealed request through the confirmation page.
	deviceField = "device_request"
	// maxTyped bounds how much of what was typed is shown again, in bytes.
	maxTyped = 64
)

// DevicePage is what the page shows on which people type the code of a device.
type DevicePage struct {
	User *model.User
	// Code is what stands in the field: from the link, or what was typed before.
	Code string
	// Problem says why that code was not taken. Empty: it was not tried.
	Problem string

	// The form is sent by POST to Action, with the code in the field CodeName.
	Action, CodeName string
	CSS              template.CSS
}

// DeviceConfirmPage is what the page shows on which a user lets a device in or
// not (RFC 8628, section 3.3). It has to name the client and to ask whether the
// device is in front of the user (section 5.4).
type DeviceConfirmPage struct {
	// Client asks, User is asked.
	Client *model.Client
	User   *model.User
	// UserCode is the code as the device shows it, for comparison.
	UserCode string
	// Scopes are what is asked for, with their titles.
	Scopes []engine.ScopeInfo
	// Resources are the APIs that the access is for, if the device names some (RFC
	// 8707).
	Resources []string
	// Lifetime is how long access can go on without asking again.
	Lifetime time.Duration

	// The form is sent by POST to Action, with one hidden field and a button named
	// DecisionName with one of the two values.
	Action                  string
	HiddenName, HiddenValue string
	DecisionName            string
	AllowValue, NoValue     string
	CSS                     template.CSS
}

// LifetimeText says the lifetime in words, rounded up.
func (p *DeviceConfirmPage) LifetimeText() string { return lifetimeText(p.Lifetime) }

// DeviceDonePage is what is shown after the decision.
type DeviceDonePage struct {
	// Allowed tells what was decided.
	Allowed bool
	CSS     template.CSS
}

// DeviceAuthorization is the endpoint where a device gets its codes (RFC 8628,
// section 3.1), for POST. It ends the chain of handlers. It panics when wired
// without device grant.
func (s *Server) DeviceAuthorization() gin.HandlerFunc {
	s.needDevices("DeviceAuthorization")
	return func(c *gin.Context) {
		c.Abort()
		res, err := s.engine.DeviceAuthorization(c.Request)
		if err != nil {
			s.fail(c, err, nil)
			return
		}
		s.engine.WriteDevice(c.Writer, c.Request, res)
	}
}

func (s *Server) needDevices(handler string) {
	if !s.engine.HasDevices() {
		panic("ginoauth: " + handler + " needs Config.Devices, or a Model that implements model.DeviceModel")
	}
}

// Device is the page where a user types the code that a device shows, and lets
// the device in or not, for GET and POST. Nobody is asked anything before the
// login. It ends the chain of handlers. It panics when wired without device
// grant or without Options.AuthenticateHandler.
func (s *Server) Device() gin.HandlerFunc {
	s.needDevices("Device")
	if s.opts.AuthenticateHandler == nil {
		panic("ginoauth: Device needs Options.AuthenticateHandler and LoginURL")
	}
	return func(c *gin.Context) {
		defer c.Abort()
		switch c.Request.Method {
		case http.MethodGet:
			s.deviceGet(c)
		case http.MethodPost:
			s.devicePost(c)
		default:
			s.refuse(c, &engine.Error{
				Code: engine.CodeInvalidRequest, Description: "This endpoint is for GET and POST.", Reason: "method",
				Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {"GET, POST"}},
			})
		}
	}
}

// deviceGet shows the page for the code. A link that has the code fills it in,
// no more: who follows somebody's link has to look at it and say so.
func (s *Server) deviceGet(c *gin.Context) {
	query := c.Request.URL.Query()
	code := shorten(query.Get(userCodeField))
	user, ok := s.deviceUser(c, code, query.Has(returnedParam))
	if !ok {
		return
	}
	s.askCode(c, http.StatusOK, user, code, "")
}

// deviceUser returns who is signed in, or sends the browser to the login and
// from there back to the page with this code.
func (s *Server) deviceUser(c *gin.Context, code string, returned bool) (*model.User, bool) {
	user, ok := s.user(c, nil)
	if !ok || user != nil {
		return user, ok
	}
	query := ""
	if code != "" {
		query = userCodeField + "=" + url.QueryEscape(code)
	}
	if returned {
		s.notSignedIn(c, "?"+query)
	} else {
		s.redirect(c, s.loginURL(s.devicePath, query))
	}
	return nil, false
}

func shorten(typed string) string {
	return strings.ToValidUTF8(typed[:min(len(typed), maxTyped)], "")
}

func (s *Server) askCode(c *gin.Context, status int, user *model.User, code, problem string) {
	s.pages.headers(c.Writer.Header(), "same-origin")
	s.render(c, status, "device.html", &DevicePage{
		User: user, Code: code, Problem: problem, Action: "?", CodeName: userCodeField, CSS: s.pages.css,
	})
}

// devicePost takes a code, or the decision about a device whose code was taken.
func (s *Server) devicePost(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	if err := c.Request.ParseForm(); err != nil {
		s.refuse(c, badForm(err))
		return
	}
	if !s.sameOrigin(c) {
		return
	}
	form := c.Request.PostForm
	typed := form.Get(userCodeField)
	user, ok := s.deviceUser(c, shorten(typed), false)
	switch {
	case !ok:
	case form.Has(deviceField):
		s.decideDevice(c, user)
	default:
		s.confirmDevice(c, user, typed)
	}
}

// confirmDevice shows what the device with this code asks for.
func (s *Server) confirmDevice(c *gin.Context, user *model.User, typed string) {
	req, err := s.engine.DeviceRequest(c.Request.Context(), typed, user)
	if e := engine.AsError(err); err != nil && e.Reason == engine.ReasonUserCode {
		s.askCode(c, e.HTTPStatus(), user, shorten(typed), e.Description)
		return
	}
	var form string
	if err == nil {
		form, err = s.engine.SealDevice(req, user)
	}
	if err != nil {
		s.fail(c, err, &ErrorPage{Retry: "?", RetryLabel: "Enter the code again"})
		return
	}
	s.pages.headers(c.Writer.Header(), "same-origin")
	s.render(c, http.StatusOK, "device_confirm.html", &DeviceConfirmPage{
		Client: req.Client, User: user, UserCode: req.UserCode, Scopes: s.engine.ScopeInfos(req.Scope),
		Resources: req.Resources.List(), Lifetime: s.lifetime(req.Client),
		Action: "?", HiddenName: deviceField, HiddenValue: form, CSS: s.pages.css,
		DecisionName: decisionField, AllowValue: allow, NoValue: "deny",
	})
}

// decideDevice acts on the user's decision. Anything but an explicit yes is a no.
func (s *Server) decideDevice(c *gin.Context, user *model.User) {
	ctx, form := c.Request.Context(), c.Request.PostForm
	d := form[decisionField]
	allowed := len(d) == 1 && d[0] == allow
	req, err := s.engine.OpenDevice(ctx, form.Get(deviceField), user)
	switch {
	case err != nil:
	case allowed:
		err = s.engine.ApproveDevice(ctx, req, user, req.Scope)
	default:
		err = s.engine.DenyDevice(ctx, req, user)
	}
	if err != nil {
		s.fail(c, err, &ErrorPage{Retry: "?", RetryLabel: "Enter the code again"})
		return
	}
	s.pages.headers(c.Writer.Header(), "no-referrer")
	s.render(c, http.StatusOK, "device_done.html", &DeviceDonePage{Allowed: allowed, CSS: s.pages.css})
}
