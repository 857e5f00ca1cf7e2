package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocument holds the committed table against the tests: every rule has a
// test or a note, and the table says what is.
func TestDocument(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	want, err := document(root)
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(root, docPath))
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "run: go run ./internal/conformance -write")
}

func TestIDPattern(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"A01 no credentials":            "A01",
		"B21+attack-B14+9700-2.1 ports": "B21+attack-B14+9700-2.1",
		"6749-3.1.2.4":                  "6749-3.1.2.4",
		"2.1-7.5.2 late":                "2.1-7.5.2",
		"adapter-Z10 plain":             "adapter-Z10",
		"7009-2":                        "7009-2",
	} {
		m := idPattern().FindStringSubmatch(name)
		require.NotNil(t, m, name)
		assert.Equal(t, want, m[1])
	}
	for _, name := range []string{"A1", "Authorization", "A012", "6749", "X01 no"} {
		assert.Nil(t, idPattern().FindStringSubmatch(name), name)
	}
}
