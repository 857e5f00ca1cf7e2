package main

import (
	"net/netip"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The flags and variables of compose.yaml are those of the demo. Docker is not
// there to try the rest.
func TestCompose(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	type service struct {
		Command     []string
		Environment map[string]string
	}
	var file struct {
		Services map[string]service
		Networks struct {
			Default struct {
				Ipam struct{ Config []struct{ Subnet string } }
			}
		}
		Configs map[string]struct{ Content string }
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	one := file.Services["demo1"]
	require.NotEmpty(t, one.Command)
	assert.Equal(t, one, file.Services["demo2"])
	assert.Equal(t, one, file.Services["demo3"])
	assert.Regexp(t, `^\$\{OAUTH_KEY:\?[^${}]*openssl rand -hex 32[^${}]*\}$`, one.Environment[keyVariable])
	one.Environment[keyVariable] = testKey.hex
	cfg, err := parseFlags(one.Command, func(name string) string { return one.Environment[name] }, nil)
	require.NoError(t, err)
	assert.Equal(t, "PostgreSQL at db/demo", cfg.store.String())
	db := file.Services["db"].Environment
	password, _ := cfg.store.url.User.Password()
	assert.Equal(t, []string{db["POSTGRES_USER"], db["POSTGRES_PASSWORD"], "/" + db["POSTGRES_DB"]}, []string{cfg.store.url.User.Username(), password, cfg.store.url.Path})

	require.Len(t, file.Networks.Default.Ipam.Config, 1)
	network, err := netip.ParsePrefix(file.Networks.Default.Ipam.Config[0].Subnet)
	require.NoError(t, err)
	assert.Equal(t, []string{network.String()}, cfg.trustedProxies)

	proxy := file.Configs["caddyfile"].Content
	for _, upstream := range regexp.MustCompile(`demo\d`).FindAllString(proxy, -1) {
		assert.Contains(t, file.Services, upstream)
	}
	assert.Contains(t, proxy, "health_uri /healthz")
}
