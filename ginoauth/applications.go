package ginoauth

import (
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// What to revoke: one grant by its id, everything of one client, or everything.
const (
	grantField  = "grant"
	clientField = "client_id"
	allField    = "all"
)

// ApplicationsPage is what the page of applications with access shows. As JSON
// it is the member applications alone.
type ApplicationsPage struct {
	User         *model.User   `json:"-"`
	Applications []Application `json:"applications"`

	// Each form is sent by POST to Action, with one field: GrantName with the ID of
	// a grant, ClientName with a ClientID, or AllName with the value "true".
	Action                         string `json:"-"`
	GrantName, ClientName, AllName string `json:"-"`
	// HomeURL is that of the options.
	HomeURL string       `json:"-"`
	CSS     template.CSS `json:"-"`
}

// Application is a client that has access to the user's account, or would get it
// again without asking.
type Application struct {
	ClientID string `json:"client_id"`
	Name     string `json:"client_name"`
	// Remembered are the scopes for which the user is not asked again.
	Remembered []engine.ScopeInfo `json:"remembered,omitempty"`
	// Grants are what it has access by, newest first; there may be none.
	Grants []ApplicationGrant `json:"grants"`
}

// ApplicationGrant is one time that the user said yes, and what follows from it.
type ApplicationGrant struct {
	ID        string             `json:"id"`
	Scopes    []engine.ScopeInfo `json:"scopes"`
	Resources []string           `json:"resources,omitempty"`
	IssuedAt  time.Time          `json:"issued_at"`
	// LastUsedAt is when the client last got a token. It is zero while the client
	// has not fetched its first.
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// Applications is the page where a user sees which applications have access to
// the account, with what scopes, since when, when it was last used and when it
// ends, and takes it back, from one or from all. It is for GET and POST, and
// speaks JSON to a request that accepts application/json; there, DELETE with the
// parameter grant, client_id or all=true revokes as well. Users see and revoke
// their own grants only. It ends the chain of handlers.
//
// It panics when wired without Options.AuthenticateHandler, or with a store that
// does not list grants.
func (s *Server) Applications() gin.HandlerFunc {
	if s.opts.AuthenticateHandler == nil {
		panic("ginoauth: Applications needs Options.AuthenticateHandler and LoginURL")
	}
	if s.applicationsPath == "" {
		panic("ginoauth: Applications needs Config.GrantList, or a Model that implements model.GrantModel")
	}
	return func(c *gin.Context) {
		defer c.Abort()
		v := &applicationsView{Server: s, c: c, json: acceptsJSON(c.Request)}
		c.Writer.Header().Add("Vary", "Accept")
		switch c.Request.Method {
		case http.MethodGet, http.MethodHead:
			v.show()
		case http.MethodPost, http.MethodDelete:
			v.revoke()
		default:
			v.badMethod("GET, HEAD, POST, DELETE")
		}
	}
}

// applicationsView is one request to the page.
type applicationsView struct {
	*Server
	c    *gin.Context
	json bool
}

// acceptsJSON reports whether JSON is what the request names first.
func acceptsJSON(r *http.Request) bool {
	for _, accept := range r.Header["Accept"] {
		for part := range strings.SplitSeq(accept, ",") {
			switch name, _, _ := mime.ParseMediaType(part); name {
			case "application/json":
				return true
			case "text/html", "application/xhtml+xml":
				return false
			}
		}
	}
	return false
}

// page is where an error is shown; nil means as JSON.
func (v *applicationsView) page() *ErrorPage {
	if v.json {
		return nil
	}
	return &ErrorPage{Retry: v.applicationsPath, RetryLabel: "Back to the list"}
}

func (v *applicationsView) reject(e *engine.Error) {
	v.fail(v.c, v.report(v.c, nil, e), v.page())
}

func (v *applicationsView) badMethod(allow string) {
	v.reject(&engine.Error{
		Code: engine.CodeInvalidRequest, Description: "This method does not do that.", Reason: "method",
		Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {allow}},
	})
}

// signedIn returns who is signed in. If nobody is, the answer is written: a
// redirect to the login and back, or an error to a program.
func (v *applicationsView) signedIn() *model.User {
	user, ok := v.userOr(v.c, nil, v.page())
	switch {
	case !ok:
		return nil
	case user != nil:
		return user
	case v.json:
		v.reject(&engine.Error{Code: "login_required", Description: "Nobody is signed in.", Status: http.StatusForbidden, Reason: "not_signed_in"})
	case v.c.Request.URL.Query().Has(returnedParam):
		v.notSignedIn(v.c, "?")
	default:
		v.redirect(v.c, v.loginURL(v.applicationsPath, ""))
	}
	return nil
}

func (v *applicationsView) show() {
	// A link must not revoke anything, and not look as if it had.
	query := v.c.Request.URL.Query()
	if query.Has(grantField) || query.Has(clientField) || query.Has(allField) {
		v.badMethod("POST, DELETE")
		return
	}
	user := v.signedIn()
	if user == nil {
		return
	}
	apps, err := v.engine.Applications(v.c.Request.Context(), user.ID)
	if err != nil {
		v.fail(v.c, err, v.page())
		return
	}
	page := &ApplicationsPage{
		User: user, Applications: make([]Application, 0, len(apps)), CSS: v.pages.css,
		Action: "?", GrantName: grantField, ClientName: clientField, AllName: allField, HomeURL: v.opts.HomeURL,
	}
	for i := range apps {
		page.Applications = append(page.Applications, v.describe(&apps[i]))
	}
	v.pages.headers(v.c.Writer.Header(), "same-origin")
	if v.json {
		v.c.JSON(http.StatusOK, page)
		return
	}
	v.render(v.c, http.StatusOK, "applications.html", page)
}

func (v *applicationsView) describe(app *engine.Application) Application {
	d := Application{ClientID: app.ClientID, Name: app.Name(), Remembered: v.engine.ScopeInfos(app.Remembered), Grants: make([]ApplicationGrant, 0, len(app.Grants))}
	for _, g := range app.Grants {
		d.Grants = append(d.Grants, ApplicationGrant{
			ID: g.ID.String(), Scopes: v.engine.ScopeInfos(g.Scope), Resources: g.Resources.List(),
			IssuedAt: g.IssuedAt, LastUsedAt: g.LastUsedAt, ExpiresAt: g.ExpiresAt,
		})
	}
	return d
}

// revoke takes access back. Only a page of this origin can ask for it.
func (v *applicationsView) revoke() {
	c := v.c
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	if err := c.Request.ParseForm(); err != nil {
		v.reject(badForm(err))
		return
	}
	if err := v.origin.Check(c.Request); err != nil {
		v.reject(crossOrigin(err))
		return
	}
	user := v.signedIn()
	if user == nil {
		return
	}
	from := c.Request.PostForm
	if c.Request.Method == http.MethodDelete {
		from = c.Request.URL.Query()
	}
	if err := v.revokeWhat(user, from); err != nil {
		v.fail(c, err, v.page())
		return
	}
	if v.json || c.Request.Method == http.MethodDelete {
		v.pages.headers(c.Writer.Header(), "no-referrer")
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
		return
	}
	v.redirect(c, v.applicationsPath)
}

// revokeWhat reads what to revoke, which must be one thing, and does it.
func (v *applicationsView) revokeWhat(user *model.User, from url.Values) error {
	ctx := v.c.Request.Context()
	grant, client, all := from[grantField], from[clientField], from[allField]
	what := slices.Concat(grant, client, all)
	switch {
	case len(what) != 1 || what[0] == "":
	case len(grant) == 1:
		id, err := model.ParseGrantID(grant[0])
		if err != nil {
			id = model.GrantID{} // which nobody has
		}
		return v.engine.RevokeApplicationGrant(ctx, user.ID, id)
	case len(client) == 1:
		_, err := v.engine.RevokeApplication(ctx, user.ID, client[0])
		return err
	case all[0] == "true":
		_, err := v.engine.RevokeApplications(ctx, user.ID)
		return err
	}
	return v.report(v.c, nil, &engine.Error{
		Code: engine.CodeInvalidRequest, Reason: "revoke_what",
		Description: "Say what to revoke by one of the parameters grant, client_id and all=true.",
	})
}

// Sole reports whether there is at most one grant, which needs no button of its
// own: it goes with the application.
func (a *Application) Sole() bool { return len(a.Grants) < 2 }

// Date says a time as the page does, in UTC.
func (p *ApplicationsPage) Date(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }
