package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// Everything that is wrong is told at once, each with the field and the fix.
func TestConfigAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := engine.New(engine.Config{
		Issuer:               "http://auth.example?x=1",
		Endpoints:            engine.Endpoints{Authorization: "/oauth/authorize", Token: "https://auth.example/token#x"},
		Realm:                `my "realm"`,
		Scopes:               []engine.ScopeInfo{{Name: "read notes", Title: "x"}, {Name: "write"}},
		DefaultScope:         "read",
		ResourceScope:        "write  write",
		CodeLifetime:         time.Hour,
		AccessTokenLifetime:  time.Millisecond,
		RefreshTokenLifetime: -1,
		RefreshTokenGrace:    time.Hour,
		Keys:                 [][]byte{[]byte("short")},
		TokenPrefix:          "my token",
		GenerateToken:        func(context.Context, engine.TokenKind, *model.Token) (string, error) { return "", nil },
		Grants:               map[string]engine.Grant{"custom": nil},
	})
	require.Error(t, err)
	want := []string{
		"Model is missing: set a store, such as memstore.New()",
		`Issuer "http://auth.example?x=1" must use https`,
		`Issuer "http://auth.example?x=1" must have no query`,
		`Endpoints.Authorization "/oauth/authorize" must be an absolute URL`,
		`Endpoints.Token "https://auth.example/token#x" must have no fragment`,
		`Realm "my \"realm\"" must be printable ASCII`,
		`Scopes[0].Name "read notes" is not a scope token: one word`,
		`Scopes[1].Title of "write" is missing: say in the user's words`,
		`DefaultScope "read" has a scope that Scopes lacks`,
		`ResourceScope "write  write" is not a scope in normal form`,
		"CodeLifetime is 1h0m0s: at most 10 minutes",
		"AccessTokenLifetime is 1ms: give at least a second",
		"RefreshTokenLifetime is -1ns: give at least a second",
		"RefreshTokenGrace is 1h0m0s: at most 10 minutes",
		"Keys[0] has 5 bytes: make each of 32 random bytes",
		`TokenPrefix "my token" must be at most 32 of [A-Za-z0-9_-]`,
		"GenerateToken and TokenGrant belong together: set both, or neither",
		`Grants["custom"] is nil: remove the entry`,
		`Grants["custom"] must be named by an absolute URI`,
	}
	for _, problem := range want {
		assert.ErrorContains(t, err, "engine: Config."+problem)
	}
	assert.Len(t, strings.Split(err.Error(), "\n"), len(want), "one line each, and no others:\n%v", err)
}

func TestConfigProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		edit    func(*engine.Config)
		problem string // empty: it is good
	}{
		{"M26 no store", func(c *engine.Config) { c.Model = nil }, "Model is missing"},
		{"no issuer", func(c *engine.Config) { c.Issuer = "" }, "Issuer is missing"},
		{"8414-2+9207-2 issuer with a query", func(c *engine.Config) { c.Issuer += "?x" }, "Issuer"},
		{"8414-2 issuer with an empty query", func(c *engine.Config) { c.Issuer += "?" }, "Issuer"},
		{"8414-2 issuer with a fragment", func(c *engine.Config) { c.Issuer += "#x" }, "Issuer"},
		{"8414-2 issuer with an empty fragment", func(c *engine.Config) { c.Issuer += "#" }, "Issuer"},
		{"issuer with a user", func(c *engine.Config) { c.Issuer = "https://me@auth.example" }, "Issuer"},
		{"issuer without host", func(c *engine.Config) { c.Issuer = "https:///x" }, "Issuer"},
		{"issuer that is no URL", func(c *engine.Config) { c.Issuer = "auth.example" }, "Issuer"},
		{"issuer of another scheme", func(c *engine.Config) { c.Issuer = "ftp://auth.example" }, "Issuer"},
		{"2.1-1.5+6749-3.1+6749-10.9 plain http", func(c *engine.Config) { c.Issuer = "http://auth.example" }, "Issuer"},
		{"2.1-1.5 a host that only looks like loopback", func(c *engine.Config) { c.Issuer = "http://localhost.evil.test" }, "Issuer"},
		{"2.1-1.5 plain http on purpose", func(c *engine.Config) { c.Issuer, c.AllowInsecureIssuer = "http://auth.example", true }, ""},
		{"2.1-1.5 plain http on loopback", func(c *engine.Config) { c.Issuer = "http://127.0.0.1:8080" }, ""},
		{"2.1-1.5 plain http on localhost", func(c *engine.Config) { c.Issuer = "http://localhost:8080" }, ""},
		{"2.1-1.5 plain http on IPv6 loopback", func(c *engine.Config) { c.Issuer = "http://[::1]:8080" }, ""},
		{"issuer with a path", func(c *engine.Config) { c.Issuer = "https://auth.example/tenant" }, ""},
		{"6749-3.1 endpoint with a query of its own", func(c *engine.Config) { c.Endpoints.Authorization = "https://as.test/authorize?tenant=1" }, ""},
		{"6749-3.1 endpoint with a fragment", func(c *engine.Config) { c.Endpoints.Authorization = "https://as.test/authorize#x" }, "Endpoints.Authorization"},
		{"6749-3.2 endpoint over http", func(c *engine.Config) { c.Endpoints.Token = "http://as.test/token" }, "Endpoints.Token"},
		{"no scopes", func(c *engine.Config) { c.Scopes = nil }, "Scopes is empty"},
		{"a scope twice", func(c *engine.Config) { c.Scopes = append(c.Scopes, c.Scopes[0]) }, "Scopes names a scope twice"},
		{"A52 a resource scope with a quote", func(c *engine.Config) { c.ResourceScope = `a"b` }, "ResourceScope"},
		{"a resource scope that the vocabulary lacks", func(c *engine.Config) { c.ResourceScope = "delete" }, "ResourceScope"},
		{"B91+6749-4.1.2 codes of more than 10 minutes", func(c *engine.Config) { c.CodeLifetime = 10*time.Minute + 1 }, "CodeLifetime"},
		{"B91 codes of 10 minutes", func(c *engine.Config) { c.CodeLifetime = 10 * time.Minute }, ""},
		{"M27 a negative lifetime of codes", func(c *engine.Config) { c.CodeLifetime = -time.Second }, "CodeLifetime"},
		{"2.1-7.3 consents of less than a second", func(c *engine.Config) { c.ConsentLifetime = time.Millisecond }, "ConsentLifetime"},
		{"2.1-7.3 no consent is remembered", func(c *engine.Config) { c.ConsentLifetime = -1 }, ""},
		{"M28 a negative lifetime of access tokens", func(c *engine.Config) { c.AccessTokenLifetime = -time.Second }, "AccessTokenLifetime"},
		{"M28 a negative lifetime of refresh tokens", func(c *engine.Config) { c.RefreshTokenLifetime = -time.Second }, "RefreshTokenLifetime"},
		{"a negative lifetime of grants", func(c *engine.Config) { c.GrantLifetime = -time.Second }, "GrantLifetime"},
		{"a negative grace turns it off", func(c *engine.Config) { c.RefreshTokenGrace = -1 }, ""},
		{"an empty list of keys", func(c *engine.Config) { c.Keys = [][]byte{} }, "Keys is empty"},
		{"a key of 16 bytes", func(c *engine.Config) { c.Keys = [][]byte{make([]byte, 16)} }, "Keys[0]"},
		{"attack-J14 a realm with a line break", func(c *engine.Config) { c.Realm = "a\r\nb" }, "Realm"},
		{"a prefix of 33", func(c *engine.Config) { c.TokenPrefix = strings.Repeat("x", 33) }, "TokenPrefix"},
		{"a prefix of 32", func(c *engine.Config) { c.TokenPrefix = strings.Repeat("x", 32) }, ""},
		{"a prefix beyond ASCII", func(c *engine.Config) { c.TokenPrefix = "š" }, "TokenPrefix"},
		{"TokenGrant alone", func(c *engine.Config) { c.TokenGrant = func(string) (g model.GrantID, ok bool) { return } }, "GenerateToken"},
		{"6749-4.5 an extension grant without URI", func(c *engine.Config) { c.Grants = map[string]engine.Grant{"custom": grantFunc()} }, `Grants["custom"]`},
		{"6749-4.5 an extension grant", func(c *engine.Config) { c.Grants = map[string]engine.Grant{customURN: grantFunc()} }, ""},
		{"a built-in grant replaced", func(c *engine.Config) { c.Grants = map[string]engine.Grant{"client_credentials": grantFunc()} }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := quietConfig()
			tt.edit(&cfg)
			srv, err := engine.New(cfg)
			if tt.problem == "" {
				require.NoError(t, err)
				require.NotNil(t, srv)
				return
			}
			require.Nil(t, srv)
			require.ErrorContains(t, err, "engine: Config."+tt.problem)
		})
	}
}

func grantFunc() engine.Grant {
	return engine.GrantFunc(func(context.Context, *engine.TokenRequest) (*engine.Decision, error) {
		return &engine.Decision{}, nil
	})
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	srv, err := engine.New(engine.Config{
		Model: memstore.New(), Issuer: "https://as.test/", Scopes: fixtureScopes(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	c := srv.Config()
	assert.Equal(t, "https://as.test/oauth/authorize", c.Endpoints.Authorization)
	assert.Equal(t, "https://as.test/oauth/token", c.Endpoints.Token)
	assert.Equal(t, "https://as.test/", c.Issuer, "the issuer stays as it was written")
	assert.Equal(t, "oauth", c.Realm)
	assert.Equal(t, time.Minute, c.CodeLifetime)
	assert.Equal(t, time.Hour, c.AccessTokenLifetime)
	assert.Equal(t, 14*24*time.Hour, c.RefreshTokenLifetime)
	assert.Equal(t, 90*24*time.Hour, c.GrantLifetime)
	assert.Equal(t, 30*time.Second, c.RefreshTokenGrace)
	assert.Empty(t, c.DefaultScope)
	assert.NotNil(t, c.Clock)
	assert.NotNil(t, c.Random)
	assert.NotNil(t, c.Logger)
}

// The caller's configuration and the server's are two.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	cfg := quietConfig()
	cfg.Grants = map[string]engine.Grant{customURN: grantFunc()}
	before := cfg
	srv, err := engine.New(cfg)
	require.NoError(t, err)
	t.Run("K22 New changes nothing in what it is given", func(t *testing.T) {
		assert.Empty(t, before.Realm)
		assert.Empty(t, cfg.Realm)
		assert.Zero(t, cfg.CodeLifetime)
	})
	t.Run("K22 later changes have no effect", func(t *testing.T) {
		cfg.Scopes[0] = engine.ScopeInfo{Name: "other", Title: "Other"}
		cfg.Keys[0] = make([]byte, 32)
		delete(cfg.Grants, customURN)
		assert.True(t, srv.HasScope("read"))
		assert.False(t, srv.HasScope("other"))
		got := srv.Config()
		assert.Equal(t, "read", got.Scopes[0].Name)
		got.Scopes[0].Name = "changed"
		assert.Equal(t, "read", srv.Config().Scopes[0].Name)
		delete(got.Grants, customURN)
		assert.Contains(t, srv.Config().Grants, customURN)
	})
	t.Run("9700-4.9.3 Config gives no keys away", func(t *testing.T) {
		assert.Nil(t, srv.Config().Keys)
	})
}

// What a developer may want to know is told once, at the start.
func TestConfigWarnings(t *testing.T) {
	t.Parallel()
	start := func(edit func(*engine.Config)) string {
		var log bytes.Buffer
		cfg := quietConfig()
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		edit(&cfg)
		_, err := engine.New(cfg)
		require.NoError(t, err)
		return log.String()
	}
	quiet := start(func(*engine.Config) {})
	assert.NotContains(t, quiet, "level=WARN")
	assert.Contains(t, quiet, "consents=true grant_list=true clients=true")
	// A wrapper hides what the store in it could do; whoever reads the log sees it.
	assert.Contains(t, start(func(c *engine.Config) { c.Model = struct{ model.Model }{c.Model} }), "consents=false grant_list=false clients=false")
	assert.Contains(t, start(func(c *engine.Config) { c.Model, c.Consents = struct{ model.Model }{c.Model}, memstore.New() }), "consents=true grant_list=false")
	assert.Contains(t, start(func(c *engine.Config) { c.Keys = nil }), "the page has expired", "the symptom is named")
	assert.Contains(t, start(func(c *engine.Config) {
		c.CheckPassword = func(context.Context, *model.Client, string, string) (*model.User, error) { return nil, model.ErrNoUser }
	}), "RFC 9700, section 2.4")
}

func TestScopeInfos(t *testing.T) {
	t.Parallel()
	srv, err := engine.New(quietConfig())
	require.NoError(t, err)
	assert.Equal(t, []engine.ScopeInfo{{Name: "write", Title: "Write notes"}, {Name: "read", Title: "Read your notes"}}, srv.ScopeInfos("write read"))
	assert.Empty(t, srv.ScopeInfos(""))
}
