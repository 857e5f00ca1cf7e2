package uris

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "localhost": true,
		"": false, "127.0.0.2": false, "[::1]": false, "localhost.": false, "LOCALHOST": false, "localhost:80": false, "0.0.0.0": false, "localhost.evil.test": false, "::ffff:127.0.0.1": false,
	} {
		assert.Equal(t, want, IsLoopback(host), host)
	}
}

func TestIsAbsolute(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"https://a.test": true, "urn:ietf:params:oauth:grant-type:device_code": true, "file:///x": true,
		"": false, "urn:": false, "/path": false, "//host/path": false, "word": false, "a b": false, "http://[": false,
	} {
		assert.Equal(t, want, IsAbsolute(s), s)
	}
}
