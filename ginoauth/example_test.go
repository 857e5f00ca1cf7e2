package ginoauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// exampleConfig is a store with one client and the three things that a
// configuration needs; the logger is quiet.
func exampleConfig() engine.Config {
	store := memstore.New()
	err := store.AddClient(model.Client{
		ID: "web", Name: "Web", Secrets: model.HashSecrets("s3cret"), RedirectURIs: []string{"https://web.example/cb"}, Scope: "read",
		Grants: []string{model.GrantAuthorizationCode, model.GrantRefreshToken, model.GrantClientCredentials},
	})
	if err != nil {
		log.Fatal(err)
	}
	return engine.Config{
		Model: store, Issuer: "https://auth.example", Logger: slog.New(slog.DiscardHandler),
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}, {Name: "write", Title: "Write notes"}},
	}
}

// signedIn is an authenticate handler for examples: it is always Alice.
func signedIn(*gin.Context) (*model.User, error) {
	return &model.User{ID: "42", Name: "Alice"}, nil
}

// send sends a request with an Authorization header, if that is not empty.
func send(r *gin.Engine, method, target, authorization string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

// clientToken gets a token for the client web itself, from the token endpoint.
func clientToken(r *gin.Engine) string {
	w := send(r, http.MethodPost, "/oauth/token", basic("web", "s3cret"), url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	var res struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil {
		log.Fatal(err)
	}
	return "Bearer " + res.AccessToken
}

// authorizeURL is an authorization request of the client web.
const authorizeURL = "/oauth/authorize?response_type=code&client_id=web&scope=read&state=af0ifj" +
	"&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"

// An application with a session and a login of its own becomes an authorization
// server.
func ExampleNew() {
	store := memstore.New()
	err := store.AddClient(model.Client{
		ID: "web", Name: "Web", Secrets: model.HashSecrets("s3cret"),
		RedirectURIs: []string{"https://web.example/cb"}, Scope: "read",
	})
	if err != nil {
		log.Fatal(err)
	}
	oauth, err := ginoauth.New(engine.Config{
		Model:  store,
		Issuer: "http://localhost:8080",
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
		Logger: slog.New(slog.DiscardHandler),
	}, ginoauth.Options{
		AuthenticateHandler: ginoauth.SessionUser("user_id"),
		LoginURL:            "/login",
	})
	if err != nil {
		log.Fatal(err)
	}

	r := gin.New()
	r.Use(sessions.Sessions("app", cookie.NewStore([]byte("0123456789abcdef0123456789abcdef"))))
	r.GET("/oauth/authorize", oauth.Authorize())
	r.POST("/oauth/authorize", oauth.Authorize())
	r.POST("/oauth/token", oauth.Token())
	api := r.Group("/api", oauth.Authenticate("read"), oauth.RequireUser())
	api.GET("/notes", func(c *gin.Context) { c.String(http.StatusOK, "notes of "+ginoauth.TokenFrom(c).UserID) })

	// Nobody is signed in yet, so a client's request leads to the login.
	w := send(r, http.MethodGet, authorizeURL, "", nil)
	to, _, _ := strings.Cut(w.Header().Get("Location"), "?")
	fmt.Println(w.Code, to)
	// Output:
	// 303 /login
}

// What is wrong with a configuration is told at once, with what to do about it.
func ExampleNew_problems() {
	_, err := ginoauth.New(engine.Config{
		Issuer: "https://auth.example",
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
	}, ginoauth.Options{
		AuthenticateHandler: ginoauth.SessionUser("user_id"),
	})
	fmt.Println(err)
	// Output:
	// engine: Config.Model is missing: set a store, such as memstore.New()
	// ginoauth: Options.LoginURL is missing: set the path of the login page, such as "/login"
}

// Mount registers every endpoint where the configuration says it is.
func ExampleServer_Mount() {
	oauth, err := ginoauth.New(exampleConfig(), ginoauth.Options{AuthenticateHandler: signedIn, LoginURL: "/login"})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	oauth.Mount(r)

	fmt.Println(send(r, http.MethodGet, authorizeURL, "", nil).Code)
	fmt.Println(send(r, http.MethodPost, "/oauth/token", "", nil).Code)
	fmt.Println(send(r, http.MethodGet, "/.well-known/oauth-authorization-server", "", nil).Code)
	w := send(r, http.MethodGet, "/oauth/token", "", nil)
	fmt.Println(w.Code, w.Header().Get("Allow"))
	// Output:
	// 200
	// 400
	// 200
	// 405 POST
}

// A guarded route lets requests through that have a token with the scope.
func ExampleServer_Authenticate() {
	oauth, err := ginoauth.New(exampleConfig(), ginoauth.Options{})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	r.POST("/oauth/token", oauth.Token())
	r.GET("/notes", oauth.Authenticate("read"), func(c *gin.Context) { c.String(http.StatusOK, "notes") })
	r.PUT("/notes", oauth.Authenticate("read", "write"), func(c *gin.Context) { c.Status(http.StatusNoContent) })

	w := send(r, http.MethodGet, "/notes", "", nil)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))

	token := clientToken(r)
	w = send(r, http.MethodGet, "/notes", token, nil)
	fmt.Println(w.Code, references.ReplaceAllString(w.Body.String(), ""))
	w = send(r, http.MethodPut, "/notes", token, nil)
	fmt.Println(w.Code, references.ReplaceAllString(w.Body.String(), ""))
	// Output:
	// 401 Bearer realm="oauth", scope="read"
	// 200 notes
	// 403 {"error":"insufficient_scope","error_description":"The access token lacks a scope."}
}

// A client may have a token of its own, without a user. RequireUser is for
// routes that need one.
func ExampleServer_RequireUser() {
	oauth, err := ginoauth.New(exampleConfig(), ginoauth.Options{})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	r.POST("/oauth/token", oauth.Token())
	r.GET("/status", oauth.Authenticate("read"), func(c *gin.Context) { c.String(http.StatusOK, "all is well") })
	r.GET("/me", oauth.Authenticate("read"), oauth.RequireUser(), func(c *gin.Context) {
		c.String(http.StatusOK, ginoauth.TokenFrom(c).UserID)
	})

	token := clientToken(r)
	for _, path := range []string{"/status", "/me"} {
		w := send(r, http.MethodGet, path, token, nil)
		fmt.Println(w.Code, references.ReplaceAllString(w.Body.String(), ""))
	}
	// Output:
	// 200 all is well
	// 403 {"error":"insufficient_scope","error_description":"This resource needs a token of a user."}
}

// In a handler TokenFrom says on whose behalf the request comes; below it,
// where there is no *gin.Context, the request's context does.
func ExampleTokenFrom() {
	notesOf := func(ctx context.Context) string {
		return "notes for " + model.TokenFromContext(ctx).ClientID
	}

	oauth, err := ginoauth.New(exampleConfig(), ginoauth.Options{})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	r.POST("/oauth/token", oauth.Token())
	r.GET("/notes", oauth.Authenticate("read"), func(c *gin.Context) {
		t := ginoauth.TokenFrom(c)
		c.JSON(http.StatusOK, gin.H{"client": t.ClientID, "scope": t.Scope, "notes": notesOf(c.Request.Context())})
	})

	fmt.Println(send(r, http.MethodGet, "/notes", clientToken(r), nil).Body)
	// Output:
	// {"client":"web","notes":"notes for web","scope":"read"}
}

// The login is the application's. Where it ends, ReturnTo says where to go on:
// back to the authorization request that the user came from, or else home.
func ExampleServer_ReturnTo() {
	oauth, err := ginoauth.New(exampleConfig(), ginoauth.Options{
		AuthenticateHandler: func(*gin.Context) (*model.User, error) { return nil, ginoauth.ErrNoUser },
		LoginURL:            "/login",
	})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	oauth.Mount(r)
	r.POST("/login", func(c *gin.Context) {
		// … check the password, put the user into the session …
		c.Redirect(http.StatusSeeOther, oauth.ReturnTo(c, "/home"))
	})

	toLogin := send(r, http.MethodGet, authorizeURL, "", nil).Header().Get("Location")
	back := send(r, http.MethodPost, toLogin, "", nil).Header().Get("Location")
	fmt.Println(strings.HasPrefix(back, "/oauth/authorize?response_type=code&client_id=web&"))

	fmt.Println(send(r, http.MethodPost, "/login", "", nil).Header().Get("Location"))
	fmt.Println(send(r, http.MethodPost, "/login?return_to=https://evil.example", "", nil).Header().Get("Location"))
	// Output:
	// true
	// /home
	// /home
}

// Errors in the form that the rest of the application's API has. Status and
// headers, such as WWW-Authenticate, are set already.
func ExampleOptions_onError() {
	oauth, err := ginoauth.New(exampleConfig(), ginoauth.Options{
		OnError: func(c *gin.Context, e *engine.Error) {
			c.Header("Content-Type", "application/problem+json")
			c.JSON(e.HTTPStatus(), gin.H{"title": e.SafeDescription(), "type": "https://docs.example/errors/" + e.Code})
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	r.GET("/notes", oauth.Authenticate("read"))

	w := send(r, http.MethodGet, "/notes", "Bearer nonsense", nil)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	fmt.Println(references.ReplaceAllString(w.Body.String(), "")) // without the reference, which is random
	// Output:
	// 401 application/problem+json
	// {"title":"The access token is not valid.","type":"https://docs.example/errors/invalid_token"}
}

// A consent page of the application's own. It shows what is asked, and sends
// back a hidden field and the user's decision.
func ExampleOptions_consent() {
	page := template.Must(template.New("").Parse(`{{.Client.DisplayName}} would like to:
{{range .Scopes}}- {{.Title}}
{{end}}You are {{.User.Name}}. You will go on to {{.RedirectHost}}.
<form method="post" action="{{.Action}}">
<input type="hidden" name="{{.HiddenName}}" value="{{.HiddenValue}}">
<button name="{{.DecisionName}}" value="{{.NoValue}}">No</button>
<button name="{{.DecisionName}}" value="{{.AllowValue}}">Yes</button>
</form>`))

	oauth, err := ginoauth.New(exampleConfig(), ginoauth.Options{
		AuthenticateHandler: signedIn,
		LoginURL:            "/login",
		Consent: func(c *gin.Context, p *ginoauth.ConsentPage) {
			c.Header("Content-Type", "text/html; charset=utf-8")
			if err := page.Execute(c.Writer, p); err != nil {
				_ = c.Error(err)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	oauth.Mount(r)

	w := send(r, http.MethodGet, authorizeURL, "", nil)
	shown, _, _ := strings.Cut(w.Body.String(), "<form")
	fmt.Print(shown)
	// Output:
	// Web would like to:
	// - Read your notes
	// You are Alice. You will go on to web.example.
}
