package ginoauth_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// deviceApp is the application with a client for devices.
func deviceApp(t *testing.T, mod func(*engine.Config, *ginoauth.Options)) *app {
	t.Helper()
	a := newApp(t, mod)
	require.NoError(t, a.store.AddClient(model.Client{
		ID: "tv", Name: "Living <room> TV", Public: true, Grants: []string{model.GrantDeviceCode, model.GrantRefreshToken}, Scope: "read",
	}))
	return a
}

func (a *app) jsonPost(path string, form url.Values) (int, map[string]any) {
	a.t.Helper()
	res := a.do("POST", path, form, nil)
	var m map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(res.body), &m), res.body)
	return res.StatusCode, m
}

// deviceCodes asks for codes as the device does.
func (a *app) deviceCodes() (device, user string) {
	a.t.Helper()
	status, m := a.jsonPost("/oauth/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"read"}})
	require.Equal(a.t, http.StatusOK, status, m)
	return m["device_code"].(string), m["user_code"].(string)
}

func (a *app) poll(device string) (int, map[string]any) {
	a.t.Helper()
	return a.jsonPost("/oauth/token", url.Values{"grant_type": {model.GrantDeviceCode}, "client_id": {"tv"}, "device_code": {device}})
}

// sendDevice posts a form of the device pages.
func (a *app) sendDevice(form url.Values, header ...string) answer {
	a.t.Helper()
	h := http.Header{"Origin": {a.server.URL}}
	if len(header) > 0 {
		h = http.Header{"Sec-Fetch-Site": {header[0]}}
	}
	return a.do("POST", "/device?", form, h)
}

var deviceField = regexp.MustCompile(`name="device_request" value="([^"]*)"`)

// enter types the code and returns the form of the page that asks.
func (a *app) enter(typed string) url.Values {
	a.t.Helper()
	res := a.sendDevice(url.Values{"user_code": {typed}})
	require.Equal(a.t, http.StatusOK, res.StatusCode, res.body)
	m := deviceField.FindStringSubmatch(res.body)
	require.Len(a.t, m, 2, res.body)
	return url.Values{"device_request": {html.UnescapeString(m[1])}}
}

func with(form url.Values, name string, values ...string) url.Values {
	out := url.Values{name: values}
	for k, v := range form {
		out[k] = v
	}
	return out
}

func assertPage(t *testing.T, res answer, referrer string) {
	t.Helper()
	assert.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
	assert.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
	assert.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	assert.Equal(t, referrer, res.Header.Get("Referrer-Policy"))
	assert.NotContains(t, res.body, "<script")
}

func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	t.Run("8628-3.3+8628-5.4+attack-L08 from the code to the API", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, nil)
		device, user := a.deviceCodes()
		status, m := a.poll(device)
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Equal(t, "authorization_pending", m["error"])

		a.signIn()
		res := a.do("GET", "/device", nil, nil)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assertPage(t, res, "same-origin")
		assert.Contains(t, res.body, `name="user_code" value=""`)

		res = a.sendDevice(url.Values{"user_code": {strings.ToLower(strings.ReplaceAll(user, "-", " "))}})
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assertPage(t, res, "same-origin")
		for _, want := range []string{"Living &lt;room&gt; TV", "Is this device in front of you", user, "Read your notes", "<bdi>alice</bdi>", "90 days"} {
			assert.Contains(t, res.body, want)
		}
		assert.NotContains(t, res.body, "<room>")

		res = a.sendDevice(with(a.enter(user), "decision", "allow"))
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assertPage(t, res, "no-referrer")
		assert.Contains(t, res.body, "Your device is connected")

		a.clock.advance(5 * time.Second)
		status, m = a.poll(device)
		require.Equal(t, http.StatusOK, status, m)
		assert.Equal(t, http.StatusOK, a.do("GET", "/api/notes", nil, bearer(m["access_token"].(string))).StatusCode)
		assert.NotEmpty(t, m["refresh_token"])
	})
	t.Run("8707-2 the page names what the access is for", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.Resources = []string{"https://notes.test/api"} })
		a.signIn()
		_, m := a.jsonPost("/oauth/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"read"}, "resource": {"https://notes.test/api"}})
		assert.Contains(t, a.sendDevice(url.Values{"user_code": {m["user_code"].(string)}}).body, "For <code>https://notes.test/api</code>")
		_, user := a.deviceCodes()
		assert.NotContains(t, a.sendDevice(url.Values{"user_code": {user}}).body, "For <code>")
	})
	t.Run("8628-3.5 denied", func(t *testing.T) {
		t.Parallel()
		for name, decision := range map[string][]string{"deny": {"deny"}, "nothing": nil, "both": {"allow", "deny"}, "twice": {"allow", "allow"}, "something": {"yes"}} {
			a := deviceApp(t, nil)
			device, user := a.deviceCodes()
			a.signIn()
			res := a.sendDevice(with(a.enter(user), "decision", decision...))
			assert.Equal(t, http.StatusOK, res.StatusCode, name)
			assert.Contains(t, res.body, "The device was refused", name)
			_, m := a.poll(device)
			assert.Equal(t, "access_denied", m["error"], name)
		}
	})
	t.Run("8628-3.3+attack-L04 a link fills the code in and confirms nothing", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, nil)
		device, user := a.deviceCodes()
		a.signIn()
		res := a.do("GET", "/device?user_code="+user+"&decision=allow", nil, nil)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Contains(t, res.body, `name="user_code" value="`+user+`"`)
		assert.NotContains(t, res.body, "device_request")
		_, m := a.poll(device)
		assert.Equal(t, "authorization_pending", m["error"])
	})
	t.Run("8628-3.3+attack-L04 the confirm page cannot be had or sent without the code", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, nil)
		device, user := a.deviceCodes()
		a.signIn()
		for _, form := range []url.Values{
			{"decision": {"allow"}, "user_code": {user}, "device_request": {""}},
			{"decision": {"allow"}, "device_request": {user}},
			{"decision": {"allow"}, "device_request": {strings.Repeat("A", 300)}},
		} {
			res := a.sendDevice(form)
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
			assert.Contains(t, res.body, "Enter the code again")
		}
		form := a.enter(user)
		mallory := a.other()
		mallory.signIn("mallory")
		assert.Equal(t, http.StatusBadRequest, mallory.sendDevice(with(form, "decision", "allow")).StatusCode)
		_, m := a.poll(device)
		assert.Equal(t, "authorization_pending", m["error"])
		// Nor does the form of the consent page open it.
		_, consent := a.consentForm(authorizeQuery())
		assert.Equal(t, http.StatusBadRequest, a.sendDevice(url.Values{"decision": {"allow"}, "device_request": consent["consent_request"]}).StatusCode)
	})
	t.Run("attack-C04 only a page of this origin can send a code or a decision", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, nil)
		device, user := a.deviceCodes()
		a.signIn()
		form := with(a.enter(user), "decision", "allow")
		for _, site := range []string{"cross-site", "same-site"} {
			assert.Equal(t, http.StatusForbidden, a.sendDevice(form, site).StatusCode)
			assert.Equal(t, http.StatusForbidden, a.sendDevice(url.Values{"user_code": {user}}, site).StatusCode)
		}
		_, m := a.poll(device)
		assert.Equal(t, "authorization_pending", m["error"])
	})
	t.Run("8628-3.3 a wrong code is asked for again", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, nil)
		a.signIn()
		res := a.sendDevice(url.Values{"user_code": {`BCDF"><b>`}})
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assertPage(t, res, "same-origin")
		assert.Contains(t, res.body, "This code is not valid.")
		assert.NotContains(t, res.body, "<b>")
	})
	t.Run("8628-5.1 guessing is slowed", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, func(c *engine.Config, _ *ginoauth.Options) {
			c.RateLimits.Failures = model.Rate{Interval: time.Minute, Burst: 2}
		})
		_, user := a.deviceCodes()
		a.signIn()
		for range 2 {
			assert.Equal(t, http.StatusBadRequest, a.sendDevice(url.Values{"user_code": {"BBBB-BBBB"}}).StatusCode)
		}
		res := a.sendDevice(url.Values{"user_code": {user}})
		assert.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		assert.Equal(t, "60", res.Header.Get("Retry-After"))
		assert.Contains(t, res.body, "Enter the code again")
		a.clock.advance(time.Minute)
		a.enter(user)
	})
	t.Run("8628-3.3 a page is answered once", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, nil)
		_, user := a.deviceCodes()
		a.signIn()
		form := with(a.enter(user), "decision", "allow")
		assert.Equal(t, http.StatusOK, a.sendDevice(form).StatusCode)
		res := a.sendDevice(form)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.Contains(t, res.body, `href="?"`)
	})
}

func TestDeviceLogin(t *testing.T) {
	t.Parallel()
	a := deviceApp(t, nil)
	_, user := a.deviceCodes()
	res := a.do("GET", "/device?user_code="+user, nil, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	login := res.location(t)
	assert.Equal(t, "/login", login.Path)
	assert.Equal(t, "/device?user_code="+user+"&login_returned=1", login.Query().Get("return_to"))

	back := a.do("GET", login.Query().Get("return_to"), nil, nil)
	assert.Equal(t, http.StatusForbidden, back.StatusCode, "no round trip without end")
	assert.Contains(t, back.body, "Sign in again")

	res = a.do("POST", "/login?"+login.RawQuery, url.Values{}, nil)
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	res = a.do("GET", res.Header.Get("Location"), nil, nil)
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Contains(t, res.body, user)

	form := a.enter(user)
	a.do("POST", "/logout", url.Values{}, nil)
	res = a.sendDevice(with(form, "decision", "allow"))
	require.Equal(t, http.StatusSeeOther, res.StatusCode)
	assert.Equal(t, "/device?login_returned=1", res.location(t).Query().Get("return_to"))
}

func TestDeviceEndpoint(t *testing.T) {
	t.Parallel()
	t.Run("8628-3.2 no-store, and no browser of another origin", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, nil)
		res := a.do("POST", "/oauth/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"read"}}, http.Header{"Origin": {"https://evil.test"}})
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		assert.Empty(t, res.Header.Get("Access-Control-Allow-Origin"))
	})
	t.Run("8628-3.1 methods", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, nil)
		a.signIn()
		for path, allow := range map[string]string{"/oauth/device_authorization": "POST", "/device": "GET, POST"} {
			for _, method := range []string{"PUT", "DELETE", "HEAD"} {
				res := a.do(method, path, nil, nil)
				assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode, path)
				assert.Equal(t, allow, res.Header.Get("Allow"), path)
			}
		}
	})
	t.Run("8628-3.1 a refusal is JSON", func(t *testing.T) {
		t.Parallel()
		status, m := deviceApp(t, nil).jsonPost("/oauth/device_authorization", url.Values{"client_id": {"spa"}})
		assert.Equal(t, http.StatusBadRequest, status)
		assert.Equal(t, "unauthorized_client", m["error"])
	})
	t.Run("elsewhere", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.Endpoints.Device = c.Issuer + "/go" })
		_, m := a.jsonPost("/oauth/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"read"}})
		assert.Equal(t, a.server.URL+"/go", m["verification_uri"])
		a.signIn()
		assert.Equal(t, http.StatusOK, a.do("GET", "/go", nil, nil).StatusCode)
	})
	t.Run("without device storage nothing is mounted", func(t *testing.T) {
		t.Parallel()
		a := newApp(t, func(c *engine.Config, _ *ginoauth.Options) { c.Model = struct{ model.Model }{c.Model} })
		a.signIn()
		assert.Equal(t, http.StatusNotFound, a.do("GET", "/device", nil, nil).StatusCode)
		assert.PanicsWithValue(t, "ginoauth: Device needs Config.Devices, or a Model that implements model.DeviceModel", func() { a.oauth.Device() })
		assert.PanicsWithValue(t, "ginoauth: DeviceAuthorization needs Config.Devices, or a Model that implements model.DeviceModel", func() { a.oauth.DeviceAuthorization() })
	})
	t.Run("without authenticate handler", func(t *testing.T) {
		t.Parallel()
		assert.Panics(t, func() { returnServer(t).Device() })
	})
	t.Run("8628-3.3 a fault of the login", func(t *testing.T) {
		t.Parallel()
		a := deviceApp(t, func(_ *engine.Config, o *ginoauth.Options) {
			o.AuthenticateHandler = func(*gin.Context) (*model.User, error) { return nil, http.ErrServerClosed }
		})
		assert.Equal(t, http.StatusInternalServerError, a.do("GET", "/device", nil, nil).StatusCode)
		assert.Equal(t, "device", a.events.last().Endpoint)
	})
}

func TestDeviceReturnTo(t *testing.T) {
	t.Parallel()
	oauth := returnServer(t)
	for raw, want := range map[string]string{
		"/device":                     "/device",
		"/device?user_code=BCDF-GHJK": "/device?user_code=BCDF-GHJK",
		"//evil.test/device":          fallback,
		"https://auth.test/device":    fallback,
		"/device/":                    fallback,
		"/devices":                    fallback,
		"/%64evice":                   fallback,
	} {
		t.Run("attack-C02 "+raw, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, oauth.ReturnTo(login(url.Values{"return_to": {raw}}, nil), fallback))
		})
	}
}
