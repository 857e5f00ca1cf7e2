package ginoauth_test

import (
	"html/template"
	"log/slog"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/memstore"
)

// newConfig is a configuration without problems, for tests that need no whole
// application. It has the clients of the tests.
func newConfig(t *testing.T) (engine.Config, ginoauth.Options) {
	t.Helper()
	store := memstore.New()
	for _, c := range clients {
		require.NoError(t, store.AddClient(c))
	}
	return engine.Config{
			Model: store, Issuer: "https://auth.test", Logger: slog.New(slog.DiscardHandler),
			Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
		}, ginoauth.Options{
			AuthenticateHandler: ginoauth.SessionUser("user_id"), LoginURL: "/login",
		}
}

func TestNew(t *testing.T) {
	t.Parallel()

	t.Run("express-C2 a server, and the engine under it", func(t *testing.T) {
		t.Parallel()
		oauth, err := ginoauth.New(newConfig(t))
		require.NoError(t, err)
		assert.Equal(t, "https://auth.test", oauth.Engine().Config().Issuer)
		wrapped, err := ginoauth.Wrap(oauth.Engine(), ginoauth.Options{})
		require.NoError(t, err)
		assert.Same(t, oauth.Engine(), wrapped.Engine())
	})

	t.Run("express-K1 what is passed in stays as it is", func(t *testing.T) {
		t.Parallel()
		cfg, opts := newConfig(t)
		model, scopes := cfg.Model, cfg.Scopes
		_, err := ginoauth.New(cfg, opts)
		require.NoError(t, err)
		assert.Same(t, model, cfg.Model)
		assert.Equal(t, scopes, cfg.Scopes)
		assert.Empty(t, cfg.Endpoints)
		assert.Nil(t, opts.Templates)
	})

	t.Run("express-C1+express-N1+express-T4+adapter-A16 no model", func(t *testing.T) {
		t.Parallel()
		cfg, opts := newConfig(t)
		cfg.Model = nil
		_, err := ginoauth.New(cfg, opts)
		assert.ErrorContains(t, err, "engine: Config.Model is missing: set a store, such as memstore.New()")
	})

	t.Run("express-C1 all problems of both at once", func(t *testing.T) {
		t.Parallel()
		_, err := ginoauth.New(engine.Config{TokenPrefix: "a b"}, ginoauth.Options{
			LoginURL: "javascript:alert(1)", CSS: "x</STYLE>", Templates: template.New("x"),
		})
		require.Error(t, err)
		for _, want := range []string{
			"engine: Config.Model is missing", "engine: Config.Issuer is missing", "engine: Config.Scopes is empty", "engine: Config.TokenPrefix",
			"ginoauth: Options.AuthenticateHandler is missing", "ginoauth: Options.LoginURL", "ginoauth: Options.CSS", "ginoauth: Options.Templates",
		} {
			assert.ErrorContains(t, err, want)
		}
		for line := range strings.Lines(err.Error()) {
			assert.Regexp(t, `^(engine: Config\.|ginoauth: )`, line)
		}
	})

	for name, tt := range map[string]struct {
		mod  func(*ginoauth.Options)
		want string
	}{
		"no login URL":             {func(o *ginoauth.Options) { o.LoginURL = "" }, `Options.LoginURL is missing: set the path of the login page, such as "/login"`},
		"no handler":               {func(o *ginoauth.Options) { o.AuthenticateHandler = nil }, `Options.AuthenticateHandler is missing: set ginoauth.SessionUser("user_id")`},
		"login URL with fragment":  {func(o *ginoauth.Options) { o.LoginURL = "/app#/login" }, `Options.LoginURL "/app#/login" is not a path`},
		"login URL of a script":    {func(o *ginoauth.Options) { o.LoginURL = "javascript:x" }, "Options.LoginURL"},
		"login URL of a wrong set": {func(o *ginoauth.Options) { o.LoginURL = "ftp://id.test/login" }, "Options.LoginURL"},
		"login URL that is none":   {func(o *ginoauth.Options) { o.LoginURL = "/lo\ngin" }, "Options.LoginURL"},
		"style sheet that ends":    {func(o *ginoauth.Options) { o.CSS = "a{}</style><script>" }, "Options.CSS must not contain </style"},
		"templates of other pages": {func(o *ginoauth.Options) {
			o.Templates = template.Must(template.New("consent.tmpl").Parse("x"))
		}, `Options.Templates has no page: name a template like one of ["applications.html" "consent.html" `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, opts := newConfig(t)
			tt.mod(&opts)
			_, err := ginoauth.New(cfg, opts)
			require.ErrorContains(t, err, "ginoauth: ")
			require.ErrorContains(t, err, tt.want)
			srv, err := engine.New(cfg)
			require.NoError(t, err)
			_, err = ginoauth.Wrap(srv, opts)
			assert.ErrorContains(t, err, tt.want)
		})
	}

	t.Run("express-C1 Wrap without an engine", func(t *testing.T) {
		t.Parallel()
		_, err := ginoauth.Wrap(nil, ginoauth.Options{})
		assert.ErrorContains(t, err, "ginoauth: Wrap needs an engine")
	})
}

// Mistakes in the program show when the routes are wired, not when a user
// comes.
func TestWiring(t *testing.T) {
	t.Parallel()
	panics := func(t *testing.T, want string, f func()) {
		t.Helper()
		defer func() {
			text, ok := recover().(string)
			require.True(t, ok, "a panic with a text")
			assert.True(t, strings.HasPrefix(text, "ginoauth: "), text)
			assert.Contains(t, text, want)
		}()
		f()
	}
	cfg, opts := newConfig(t)
	oauth, err := ginoauth.New(cfg, opts)
	require.NoError(t, err)
	guard, err := ginoauth.New(cfg, ginoauth.Options{})
	require.NoError(t, err, "a server that only answers machines and guards routes needs no login")

	panics(t, `Authenticate(raed)`, func() { oauth.Authenticate("read", "raed") })
	panics(t, `Authenticate(read write)`, func() { oauth.Authenticate("read write") })
	panics(t, `Authenticate()`, func() { oauth.Authenticate("") })
	panics(t, "Options.AuthenticateHandler", func() { guard.Authorize() })
	panics(t, "Options.AuthenticateHandler", func() { guard.Mount(gin.New()) })
	assert.NotPanics(t, func() {
		oauth.Authenticate()
		oauth.Authenticate("read")
		guard.Token()
		guard.Metadata()
		guard.Authenticate("read")
		guard.RequireUser()
	})
}
