package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A yes is remembered; on the page of applications it is taken back, with
// everything that followed from it.
func TestApplications(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	assert.NotContains(t, b.get("/").body, "Applications</a>", "nobody is signed in")
	b.walkTo(t, "read")
	b.sees(b.get("/"), http.StatusOK, `<a href="/oauth/applications">Applications</a>`)

	b.sent(b.post("/client/sign-out"))
	again := b.sent(b.get(b.begin(t, "read")))
	require.True(t, strings.HasPrefix(again, b.base+callbackPath+"?code="), "asked again: %s", again)
	require.Equal(t, "/client#step-3", b.sent(b.get(again)))
	b.sees(b.get(b.begin(t, "read", "write")), http.StatusOK, "New:", "Add notes for you", "already allowed", "Read your notes")

	b.sees(b.get(applicationsPath), http.StatusOK, "Applications with access", "Demo client", "Read your notes", "Last used", `<a href="/">Back</a>`)
	foreign := b.do(http.MethodPost, applicationsPath, url.Values{"all": {"true"}}, "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, foreign.StatusCode)
	assert.Equal(t, applicationsPath, b.sent(b.post(applicationsPath, "client_id", demoClientID)))
	b.sees(b.get(applicationsPath), http.StatusOK, "There are none.")
	b.sees(b.get(b.begin(t, "read")), http.StatusOK, "Read your notes", "consent_request")
}
