package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestUpToDate holds the README against the code it is made from.
func TestUpToDate(t *testing.T) {
	t.Parallel()
	require.NoError(t, run("../..", false))
}

// TestQuickStart runs what the README shows.
func TestQuickStart(t *testing.T) {
	t.Setenv("WEB_SECRET", "web-secret-0123456789abcdef")
	gin.SetMode(gin.TestMode)
	r := quickStart([]byte("0123456789abcdef0123456789abcdef"), func(*gin.Context) {}, func(string) []string { return nil })
	for path, want := range map[string]int{
		"/api/notes":       http.StatusUnauthorized,
		"/oauth/authorize": http.StatusBadRequest,
		"/oauth/authorize?response_type=code&client_id=web&scope=read&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM": http.StatusSeeOther,
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		assert.Equal(t, want, w.Code, path)
	}
}

// TestSharedStore holds that the README's shared store compiles. It ends the program where there is no database;
// integration/instances runs the demo, which does the same.
func TestSharedStore(t *testing.T) {
	t.Parallel()
	assert.NotNil(t, sharedStore)
}
