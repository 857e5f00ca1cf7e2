package ginoauth

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"

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

	// Consent replaces the consent page by the application's own.
	Consent func(*gin.Context, *ConsentPage)
	// OnError renders errors in place of JSON and the error page. Status is
	// err.HTTPStatus(); the headers are set. Errors that go to the client by a
	// redirect do not come here.
	OnError func(c *gin.Context, err *engine.Error)

	// Templates replaces the look of the pages: "consent.html" gets a
	// *[ConsentPage], "error.html" an *[ErrorPage]. What is not in it stays.
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
	// authorizePath is the path of the authorization endpoint as browsers see it.
	authorizePath string
}

// New returns a server for this configuration. All problems of both arguments
// come in one error, each with its fix.
func New(cfg engine.Config, opts Options) (*Server, error) {
	srv, err := engine.New(cfg)
	if err != nil {
		return nil, errors.Join(err, opts.validate())
	}
	return Wrap(srv, opts)
}

// Wrap is [New] for an engine that the application made itself.
func Wrap(srv *engine.Server, opts Options) (*Server, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	cfg := srv.Config()
	pages, err := newPages(opts)
	if err != nil {
		return nil, err
	}
	endpoint, err := url.Parse(cfg.Endpoints.Authorization)
	if err != nil {
		return nil, fmt.Errorf("ginoauth: Endpoints.Authorization: %w", err)
	}
	// The origin that browsers see is trusted also where a proxy rewrites Host.
	origin := http.NewCrossOriginProtection()
	if err := origin.AddTrustedOrigin(endpoint.Scheme + "://" + endpoint.Host); err != nil {
		return nil, fmt.Errorf("ginoauth: Endpoints.Authorization: %w", err)
	}
	return &Server{engine: srv, opts: opts, pages: pages, origin: origin, authorizePath: endpoint.Path}, nil
}

func (o *Options) validate() error {
	var errs []error
	if o.AuthenticateHandler != nil && o.LoginURL == "" {
		errs = append(errs, errors.New(`ginoauth: Options.LoginURL is missing: set the path of the login page, such as "/login"`))
	}
	if o.AuthenticateHandler == nil && o.LoginURL != "" {
		errs = append(errs, errors.New(`ginoauth: Options.AuthenticateHandler is missing: set ginoauth.SessionUser("user_id") or a function that returns who is signed in`))
	}
	return errors.Join(errs...)
}

// Engine returns the protocol engine under the handlers.
func (s *Server) Engine() *engine.Server { return s.engine }

// Mount registers every endpoint at the path that [engine.Endpoints] gives it,
// and the metadata where RFC 8414 wants them. The handlers answer methods that
// an endpoint does not have with 405 and Allow.
func (s *Server) Mount(r *gin.Engine) {
	cfg := s.engine.Config()
	r.Any(pathOf(cfg.Endpoints.Authorization), s.Authorize())
	r.Any(pathOf(cfg.Endpoints.Token), s.Token())
	r.Any(s.engine.MetadataPath(), s.Metadata())
}

func pathOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Path == "" {
		return "/"
	}
	return u.Path
}

// fail answers with an error: by a redirect to the client if it may be one, by
// the application's OnError, or by the given writer.
func (s *Server) fail(c *gin.Context, err error, write func(*gin.Context, *engine.Error)) {
	e := engine.AsError(err)
	c.Abort()
	// What stands in c.Errors is printed by loggers: the cause is not for them.
	public := *e
	public.Cause = nil
	_ = c.Error(&public)
	switch {
	case c.Writer.Written():
	case e.RedirectURI != "":
		s.engine.WriteError(c.Writer, c.Request, e)
	case s.opts.OnError != nil:
		engine.SetErrorHeaders(c.Writer.Header(), e)
		s.opts.OnError(c, e)
	default:
		write(c, e)
	}
}

func (s *Server) writeJSON(c *gin.Context, e *engine.Error) {
	s.engine.WriteError(c.Writer, c.Request, e)
}
