package engine_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/memstore"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// A device asks for codes, its user types one of them, and the device gets its
// token with the other.
func ExampleServer_DeviceRequest() {
	store := memstore.New()
	if err := store.AddClient(model.Client{ID: "tv", Name: "TV", Public: true, Grants: []string{model.GrantDeviceCode}, Scope: "read"}); err != nil {
		log.Fatal(err)
	}
	srv, err := engine.New(engine.Config{
		Model: store, Issuer: "https://auth.example.com", Logger: slog.New(slog.DiscardHandler),
		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	send := func(path string, form url.Values) *httptest.ResponseRecorder {
		form.Set("client_id", "tv")
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		if path == "/oauth/token" {
			if res, err := srv.Token(r); err != nil {
				srv.WriteError(w, r, err)
			} else {
				srv.WriteToken(w, r, res)
			}
		} else if res, err := srv.DeviceAuthorization(r); err != nil {
			srv.WriteError(w, r, err)
		} else {
			w.Header().Set("User-Code", res.UserCode) // for this example; see WriteDevice
			w.Header().Set("Device-Code", res.DeviceCode)
		}
		return w
	}

	codes := send("/oauth/device_authorization", url.Values{"scope": {"read"}}).Header()
	typed := strings.ToLower(codes.Get("User-Code"))

	ctx, user := context.Background(), &model.User{ID: "alice"}
	req, err := srv.DeviceRequest(ctx, typed, user)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s asks for %q\n", req.Client.DisplayName(), req.Scope)
	if err := srv.ApproveDevice(ctx, req, user, req.Scope); err != nil {
		log.Fatal(err)
	}

	w := send("/oauth/token", url.Values{"grant_type": {model.GrantDeviceCode}, "device_code": {codes.Get("Device-Code")}})
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "access_token"))
	// Output:
	// TV asks for "read"
	// 200 true
}
