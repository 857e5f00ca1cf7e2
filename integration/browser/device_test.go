package browser

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
)

// asDevice posts a form of the demo's device and returns the members of the answer.
func (w *world) asDevice(t *testing.T, path string, form url.Values) map[string]any {
	t.Helper()
	form.Set("client_id", "device")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.demo.URL+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, res.Body.Close()) }()
	var m map[string]any
	require.NoError(t, json.NewDecoder(res.Body).Decode(&m))
	return m
}

func (w *world) deviceCodes(t *testing.T) (device, user, complete string) {
	t.Helper()
	m := w.asDevice(t, "/oauth/device_authorization", url.Values{"scope": {"profile read"}})
	require.Contains(t, m, "device_code")
	return m["device_code"].(string), m["user_code"].(string), m["verification_uri_complete"].(string)
}

func (w *world) poll(t *testing.T, device string) map[string]any {
	t.Helper()
	return w.asDevice(t, "/oauth/token", url.Values{"grant_type": {demo.DeviceGrant}, "device_code": {device}})
}

const (
	codeField  = "input[name=user_code]"
	codeButton = "form[action='?'] button"
)

// testDevice types the code of a device, once wrong, and lets it in.
func testDevice(t *testing.T, w *world) {
	device, user, _ := w.deviceCodes(t)
	p := newTab(w.chromium, t)
	p.open(w.demo.URL + "/device")
	require.Equal(t, "/login", p.url().Path)
	p.signIn("wonderland")
	require.Equal(t, "/device", p.url().Path)
	p.photograph("device")
	p.typeIn(codeField, "BBBB-BBBB")
	require.Equal(t, http.StatusBadRequest, p.click(codeButton))
	p.photograph("device-wrong-code")
	p.typeIn(codeField, strings.ToLower(strings.ReplaceAll(user, "-", "")))
	require.Equal(t, http.StatusOK, p.click(codeButton))
	text := p.text()
	for _, part := range []string{"Notes in a terminal", "Alice", "Is this device in front of you", user, "Read your notes"} {
		assert.Contains(t, text, part)
	}
	p.photograph("device-confirm")
	require.Equal(t, http.StatusOK, p.click(allow))
	p.photograph("device-done")
	assert.Contains(t, w.poll(t, device), "access_token")
	_, _, console := p.seen()
	for _, line := range console {
		assert.Contains(t, line, "400", "a policy is in the way of the pages")
	}
}

// testDeviceLink follows the link of a device: the code is filled in, and no more.
func testDeviceLink(t *testing.T, w *world) {
	device, user, complete := w.deviceCodes(t)
	p := newTab(w.chromium, t)
	p.open(complete)
	p.signIn("wonderland")
	require.Equal(t, user, p.attribute(codeField, "value"))
	require.False(t, p.has(allow))
	p.click(codeButton)
	p.click(deny)
	assert.Equal(t, "access_denied", w.poll(t, device)["error"])
}

// testForeignDevice sends a code from another site, to a user who is signed in.
func testForeignDevice(t *testing.T, w *world) {
	device, user, _ := w.deviceCodes(t)
	p := newTab(w.chromium, t)
	p.open(w.demo.URL + "/device")
	p.signIn("wonderland")
	p.open(w.strange("/form", url.Values{"action": {w.demo.URL + "/device"}, "user_code": {user}}))
	assert.Equal(t, http.StatusForbidden, p.click("button"))
	assert.Equal(t, "authorization_pending", w.poll(t, device)["error"])
}
