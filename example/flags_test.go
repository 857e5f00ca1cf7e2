package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseFlags(t *testing.T) {
	t.Parallel()
	cfg, err := parseFlags(nil, noEnv, nil)
	require.NoError(t, err)
	assert.Equal(t, &config{
		addr: "localhost:8080", codeLifetime: time.Minute, accessTokenLifetime: time.Hour,
		refreshTokenLifetime: 14 * 24 * time.Hour, refreshTokenGrace: 30 * time.Second, registration: true, logLevel: slog.LevelInfo,
	}, cfg)

	cfg, err = parseFlags([]string{
		"-addr", ":9000", "-issuer", "https://auth.test/tenant", "-seed", "seed.json", "-code-lifetime", "2s",
		"-access-token-lifetime", "1h30m", "-refresh-token-lifetime=24h", "-refresh-token-grace", "0",
		"--allow-password-grant", "-error-details", "-registration=false", "-log-level", "debug",
	}, noEnv, nil)
	require.NoError(t, err)
	assert.Equal(t, &config{
		addr: ":9000", issuer: "https://auth.test/tenant", seed: "seed.json", codeLifetime: 2 * time.Second,
		accessTokenLifetime: 90 * time.Minute, refreshTokenLifetime: 24 * time.Hour,
		allowPasswordGrant: true, errorDetails: true, logLevel: slog.LevelDebug,
	}, cfg)
}

// noEnv is an empty environment.
func noEnv(string) string { return "" }

func TestParseFlagsOfStore(t *testing.T) {
	t.Parallel()
	env := map[string]string{storeVariable: "sqlite:env.db", keyVariable: testKey.hex}
	cfg, err := parseFlags([]string{"-trusted-proxy", "10.0.0.0/8", "-trusted-proxy", "::1"}, func(name string) string { return env[name] }, nil)
	require.NoError(t, err)
	assert.Equal(t, storeURL{kind: sqliteFile, file: "env.db"}, cfg.store)
	assert.Equal(t, testKey.bytes, cfg.key)
	assert.Equal(t, []string{"10.0.0.0/8", "::1"}, cfg.trustedProxies)

	other := strings.Repeat("01", 32)
	cfg, err = parseFlags([]string{"-store", "sqlite:flag.db", "-key", other}, func(name string) string { return env[name] }, nil)
	require.NoError(t, err)
	assert.Equal(t, "flag.db", cfg.store.file, "a flag goes before its variable")
	assert.Equal(t, bytes.Repeat([]byte{1}, 32), cfg.key)
}

func TestParseFlagsRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown flag", []string{"-port", "80"}, "-port"},
		{"argument", []string{"serve"}, `unexpected argument "serve"`},
		{"no value", []string{"-seed"}, "-seed"},
		{"address without port", []string{"-addr", "localhost"}, "localhost:8080"},
		{"address with bad port", []string{"-addr", "localhost:99999"}, "localhost:8080"},
		{"address with empty port", []string{"-addr", "localhost:"}, "localhost:8080"},
		{"issuer without scheme", []string{"-issuer", "auth.test"}, "absolute URL"},
		{"issuer with a parameter in its path", []string{"-issuer", "https://auth.test/:x"}, "route"},
		{"lifetime without unit", []string{"-code-lifetime", "60"}, "with its unit"},
		{"lifetime of nothing", []string{"-access-token-lifetime", "0s"}, "at least 1s"},
		{"negative lifetime", []string{"-refresh-token-lifetime", "-1h"}, "at least 1s"},
		{"long code", []string{"-code-lifetime", "11m"}, "at most 10m"},
		{"negative grace", []string{"-refresh-token-grace", "-1s"}, "0 turns it off"},
		{"long grace", []string{"-refresh-token-grace", "1h"}, "at most 10m"},
		{"store without scheme", []string{"-store", "localhost"}, storeForms},
		{"store without key", []string{"-store", "sqlite:demo.db"}, "export OAUTH_KEY=$(openssl rand -hex 32)"},
		{"key", []string{"-key", "secret"}, "openssl rand -hex 32"},
		{"proxy by name", []string{"-trusted-proxy", "proxy.test"}, "127.0.0.1 or 10.0.0.0/8"},
		{"level", []string{"-log-level", "loud"}, "debug, info, warn or error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			cfg, err := parseFlags(tc.args, noEnv, &out)
			require.ErrorContains(t, err, tc.want)
			assert.ErrorContains(t, err, "-h")
			assert.Nil(t, cfg)
			assert.Empty(t, out.String())
		})
	}
}

func TestParseFlagsHelp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := parseFlags([]string{"-h"}, noEnv, &out)
	require.ErrorIs(t, err, errHelp)
	for _, name := range []string{"-addr", "-issuer", "-seed", "-store", "-key", "-trusted-proxy", "-code-lifetime", "-access-token-lifetime", "-refresh-token-lifetime", "-refresh-token-grace", "-allow-password-grant", "-error-details", "-registration", "-log-level"} {
		assert.Contains(t, out.String(), name)
	}
}

func TestIssuerFor(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"localhost:8080":   "http://localhost:8080",
		":9000":            "http://localhost:9000",
		"0.0.0.0:9000":     "http://localhost:9000",
		"[::]:9000":        "http://localhost:9000",
		"[::1]:9000":       "http://[::1]:9000",
		"127.0.0.1:80":     "http://127.0.0.1",
		"[::1]:80":         "http://[::1]",
		"auth.test:8080":   "http://auth.test:8080",
		"192.168.1.9:8080": "http://192.168.1.9:8080",
	} {
		assert.Equal(t, want, issuerFor(addr), addr)
	}
}
