package ginoauth

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// Options says how the authorization server fits into the application. The zero
// value serves the token endpoint and guards routes; [Server.Authorize] needs
// AuthenticateHandler and LoginURL.
type Options struct {
	// AuthenticateHandler says who is signed in: [SessionUser], the User method of
	// [Sessions], or a function of the application. [ErrNoUser], or a nil user,
	// means nobody. Any other error is a fault; an *engine.Error is the answer. If
	// it has written an answer or aborted, nothing more is written.
	AuthenticateHandler func(*gin.Context) (*model.User, error)
	// LoginURL is the application's login page. Nobody is sent there with the
	// parameter return_to, which [Server.ReturnTo] reads after the login.
	LoginURL string

	// HomeURL is where the page of applications with access links back to, such as
	// the user's account page. Empty: there is no link.
	HomeURL string

	// Consent replaces the consent page by the application's own. The headers are
	// set; a page with other styles than ConsentPage.CSS has to set its own
	// Content-Security-Policy, with frame-ancestors and without form-action.
	Consent func(*gin.Context, *ConsentPage)
	// OnError renders errors in place of JSON and the error page. Status and
	// headers are set before; on the authorization endpoint they are those of a
	// page, with a Content-Security-Policy that allows only the style Options.CSS.
	// Errors that go to the client by a redirect do not come here.
	OnError func(c *gin.Context, err *engine.Error)

	// Templates replaces the look of the pages: "consent.html" gets a
	// *[ConsentPage], "error.html" an *[ErrorPage], "device.html" a *[DevicePage],
	// "device_confirm.html" a *[DeviceConfirmPage], "device_done.html" a
	// *[DeviceDonePage] and "applications.html" an *[ApplicationsPage]. What is not in it stays.
	Templates *template.Template
	// CSS replaces the style sheet of the pages. The policy of the pages allows it
	// by its hash, and no other style.
	CSS string
}

// Server is the authorization server of a Gin application. Its methods return
// handlers; it is safe for concurrent use.
type Server struct {
	engine *engine.Server
	opts   Options
	pages  *pages
	origin *http.CrossOriginProtection
	guard  *Guard
	// authorizePath is the path of the authorization endpoint as browsers see it.
	authorizePath string
	// devicePath is that of the page for user codes; empty without device grant.
	devicePath string
	// applicationsPath is that of the page of applications with access; empty with
	// a store that does not list grants.
	applicationsPath string
}

// New returns a server for this configuration. All problems of both arguments
// come in one error, each with its fix.
func New(cfg engine.Config, opts Options) (*Server, error) {
	srv, err := engine.New(cfg)
	pages, problems := opts.check()
	if err := errors.Join(err, problems); err != nil {
		return nil, err
	}
	return wrap(srv, opts, pages)
}

// Wrap is [New] for an engine that the application made itself.
func Wrap(srv *engine.Server, opts Options) (*Server, error) {
	pages, err := opts.check()
	if srv == nil {
		err = errors.Join(errors.New("ginoauth: Wrap needs an engine: make it with engine.New, or use ginoauth.New"), err)
	}
	if err != nil {
		return nil, err
	}
	return wrap(srv, opts, pages)
}

func wrap(srv *engine.Server, opts Options, pages *pages) (*Server, error) {
	at := srv.Config().Endpoints
	s := &Server{engine: srv, opts: opts, pages: pages, origin: http.NewCrossOriginProtection(), authorizePath: pathOf(at.Authorization)}
	s.guard = &Guard{resource: srv.Resource(), fail: s.failJSON}
	forms := map[string]string{"Authorization": at.Authorization}
	if srv.HasDevices() {
		s.devicePath, forms["Device"] = pathOf(at.Device), at.Device
	}
	if srv.HasGrantList() {
		s.applicationsPath, forms["Applications"] = pathOf(at.Applications), at.Applications
	}
	// The origin that browsers see is trusted also where a proxy rewrites Host.
	for name, raw := range forms {
		endpoint, err := url.Parse(raw)
		if err == nil {
			err = s.origin.AddTrustedOrigin(endpoint.Scheme + "://" + endpoint.Host)
		}
		if err != nil {
			return nil, fmt.Errorf("ginoauth: Endpoints.%s: %w", name, err)
		}
	}
	return s, nil
}

// check returns everything that is wrong with the options, or the pages that
// they make.
func (o *Options) check() (*pages, error) {
	pages, err := newPages(o)
	errs := []error{err}
	if o.AuthenticateHandler != nil && o.LoginURL == "" {
		errs = append(errs, errors.New(`ginoauth: Options.LoginURL is missing: set the path of the login page, such as "/login"`))
	}
	if o.AuthenticateHandler == nil && o.LoginURL != "" {
		errs = append(errs, errors.New(`ginoauth: Options.AuthenticateHandler is missing: set ginoauth.SessionUser("user_id") or a function that returns who is signed in`))
	}
	if u, err := url.Parse(o.LoginURL); err != nil || u.Opaque != "" || u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http" || strings.Contains(o.LoginURL, "#") {
		errs = append(errs, fmt.Errorf("ginoauth: Options.LoginURL %q is not a path or an https URL without fragment", o.LoginURL))
	}
	return pages, errors.Join(errs...)
}

// Engine returns the protocol engine under the handlers.
func (s *Server) Engine() *engine.Server { return s.engine }

// Mount registers every endpoint at the path that [engine.Endpoints] gives it,
// and the metadata where RFC 8414 wants them. The handlers answer methods that
// an endpoint does not have with 405 and Allow.
func (s *Server) Mount(r *gin.Engine) {
	r.Any(s.authorizePath, s.Authorize())
	at := s.engine.Config().Endpoints
	r.Any(pathOf(at.Token), s.Token())
	r.Any(pathOf(at.Revocation), s.Revoke())
	r.Any(pathOf(at.Introspection), s.Introspect())
	if s.engine.HasDevices() {
		r.Any(pathOf(at.DeviceAuthorization), s.DeviceAuthorization())
		r.Any(s.devicePath, s.Device())
	}
	if s.applicationsPath != "" {
		r.Any(s.applicationsPath, s.Applications())
	}
	if s.engine.HasRegistration() {
		r.Any(pathOf(at.Registration), s.Register())
		r.Any(pathOf(at.Registration)+"/:client_id", s.ManageClient())
	}
	r.Any(pathOf(s.engine.MetadataPath()), s.Metadata()) // routes match what is decoded
	if at := s.engine.Resource().MetadataURL(); at != "" {
		r.Any(pathOf(at), s.ResourceMetadata())
	}
}

func pathOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Path == "" {
		return "/"
	}
	return u.Path
}

// fail answers with an error: by a redirect to the client if it may be one, by
// the application's OnError, on the page if one is given, or else as JSON.
func (s *Server) fail(c *gin.Context, err error, page *ErrorPage) {
	e := engine.AsError(err)
	abort(c, e)
	switch {
	case c.Writer.Written():
	case e.RedirectURI != "":
		s.engine.WriteError(c.Writer, c.Request, e)
	case s.opts.OnError != nil:
		if page != nil {
			s.pages.headers(c.Writer.Header(), "no-referrer")
		}
		engine.SetErrorHeaders(c.Writer.Header(), e)
		c.Status(e.HTTPStatus()) // should OnError only log, this is no success
		s.opts.OnError(c, e)
	case page != nil:
		s.writeErrorPage(c, e, page)
	default:
		s.engine.WriteError(c.Writer, c.Request, e)
	}
}

func (s *Server) failJSON(c *gin.Context, err error) { s.fail(c, err, nil) }

// abort ends the chain of handlers and notes the error.
func abort(c *gin.Context, e *engine.Error) {
	c.Abort()
	// What stands in c.Errors is printed by loggers: the cause is not for them.
	if e.Cause != nil {
		public := *e
		public.Cause = nil
		e = &public
	}
	c.Errors = append(c.Errors, &gin.Error{Err: e, Type: gin.ErrorTypePrivate}) // what c.Error does with an error that is not Gin's
}
