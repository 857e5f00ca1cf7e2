package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func testContext(t *testing.T, cookie string) (*gin.Context, *httptest.ResponseRecorder) {
	t.Helper()
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	c.Request.Header.Set("Cookie", cookie)
	return c, w
}

func (b *browser) api(method, path, token, contentType, body string) reply {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(body))
	require.NoError(b.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return b.read(r)
}

func TestAPI(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	token := b.machineToken("read write")

	r := b.api(http.MethodPost, "/api/notes", token, "application/json", `{"text": " hello "}`)
	require.Equal(t, http.StatusCreated, r.StatusCode, r.body)
	var added note
	require.NoError(t, json.Unmarshal([]byte(r.body), &added))
	assert.Equal(t, "hello", added.Text)
	assert.NotZero(t, added.ID)

	r = b.api(http.MethodGet, "/api/notes", token, "", "")
	require.Equal(t, http.StatusOK, r.StatusCode, r.body)
	var list struct{ Notes []note }
	require.NoError(t, json.Unmarshal([]byte(r.body), &list))
	require.Len(t, list.Notes, 2)
	assert.Equal(t, added, list.Notes[1])

	assert.Equal(t, http.StatusForbidden, b.api(http.MethodGet, "/api/me", token, "", "").StatusCode)
	assert.Equal(t, http.StatusForbidden, b.api(http.MethodPost, "/api/notes", b.machineToken("read"), "application/json", `{"text": "x"}`).StatusCode)
	r = b.api(http.MethodGet, "/api/notes", "", "", "")
	assert.Equal(t, http.StatusUnauthorized, r.StatusCode)
	assert.Contains(t, r.Header.Get("WWW-Authenticate"), "Bearer")
}

func TestAPIRefusesBadNotes(t *testing.T) {
	t.Parallel()
	b := startDemo(t)
	token := b.machineToken("read write")
	const jsonType = "application/json"
	for _, tc := range []struct {
		name, contentType, body string
		want                    int
	}{
		{"no media type", "", `{"text": "x"}`, http.StatusUnsupportedMediaType},
		{"form", "application/x-www-form-urlencoded", "text=x", http.StatusUnsupportedMediaType},
		{"not JSON", jsonType, "text", http.StatusBadRequest},
		{"array", jsonType, `["x"]`, http.StatusBadRequest},
		{"no text", jsonType, `{}`, http.StatusBadRequest},
		{"text not a string", jsonType, `{"text": 1}`, http.StatusBadRequest},
		{"blank", jsonType, `{"text": " \n"}`, http.StatusBadRequest},
		{"long", jsonType, `{"text": "` + strings.Repeat("é", maxText+1) + `"}`, http.StatusBadRequest},
		{"huge", jsonType, `{"text": "` + strings.Repeat("x", maxNoteBody) + `"}`, http.StatusRequestEntityTooLarge},
		{"as long as can be", jsonType + "; charset=utf-8", `{"text": "` + strings.Repeat("é", maxText) + `"}`, http.StatusCreated},
	} {
		r := b.api(http.MethodPost, "/api/notes", token, tc.contentType, tc.body)
		assert.Equal(t, tc.want, r.StatusCode, tc.name)
		assert.True(t, json.Valid([]byte(r.body)), tc.name)
	}
}

func TestNotesBelongToTheirOwner(t *testing.T) {
	t.Parallel()
	n := newNotes(newMemoryDrawer(time.Now), map[owner][]string{{user: "bob"}: {"a", "b"}}, time.Now, slog.New(slog.DiscardHandler))
	add := func(o owner, text string) note {
		added, err := n.add(t.Context(), o, text)
		require.NoError(t, err)
		return added
	}
	list := func(o owner) []note {
		list, err := n.list(t.Context(), o)
		require.NoError(t, err)
		return list
	}
	add(owner{user: "machine"}, "the user's")
	add(owner{client: "machine"}, "the client's")
	assert.Len(t, list(owner{user: "machine"}), 1)
	assert.NotNil(t, list(owner{user: "nobody"}))
	assert.Len(t, list(owner{user: "bob"}), 2)
	assert.Equal(t, 3, add(owner{user: "bob"}, "c").ID)
	assert.Len(t, list(owner{user: "bob"}), 3)
	for i := range maxNotes + 5 {
		add(owner{user: "alice"}, strconv.Itoa(i))
	}
	alice := list(owner{user: "alice"})
	require.Len(t, alice, maxNotes)
	assert.Equal(t, "5", alice[0].Text)
	assert.Equal(t, maxNotes+5, alice[maxNotes-1].ID)
}

// failingDrawer is one whose server is gone.
type failingDrawer struct{ drawer }

func (failingDrawer) read(context.Context, string) ([]byte, error) { return nil, errors.New("gone") }

func (failingDrawer) update(context.Context, string, time.Duration, func([]byte) ([]byte, error)) error {
	return errors.New("gone")
}

func TestWithoutDrawer(t *testing.T) {
	t.Parallel()
	b, a := startApp(t)
	token := b.machineToken("read write")
	a.site.notes.drawer = failingDrawer{}
	a.site.walkthrough.flows.drawer = failingDrawer{}
	assert.Equal(t, http.StatusServiceUnavailable, b.api(http.MethodGet, "/api/notes", token, "", "").StatusCode)
	assert.Equal(t, http.StatusServiceUnavailable, b.api(http.MethodPost, "/api/notes", token, "application/json", `{"text": "x"}`).StatusCode)
	b.sees(b.post("/client/start", "scope", "read"), http.StatusInternalServerError)
	b.sees(b.do(http.MethodGet, "/client", nil, "Cookie", "demo_client=x"), http.StatusInternalServerError)
	b.sees(b.do(http.MethodGet, callbackPath, nil, "Cookie", "demo_client=x"), http.StatusInternalServerError)
	b.sees(b.post("/client/sign-out"), http.StatusInternalServerError)
}
