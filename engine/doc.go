// Package engine is an OAuth 2.0 authorization server without a web framework:
// it reads an *http.Request, decides, and writes the answer when told to. It
// follows RFC 6749, 6750, 7636, 8414, 8628 and 9207 at the level of RFC 9700 and the
// OAuth 2.1 draft. It has no listener, no storage and no pages.
//
// For Gin use package ginoauth, which turns this into handlers. With plain
// net/http the steps are the same:
//
//	srv, err := engine.New(engine.Config{
//		Model:  store,
//		Issuer: "https://auth.example.com",
//		Scopes: []engine.ScopeInfo{{Name: "read", Title: "Read your notes"}},
//	})
//
// # The authorization endpoint
//
// The request is validated before anybody is asked to sign in. An error knows
// whether it may be redirected to the client.
//
//	req, err := srv.AuthorizeRequest(r)  // validate
//	form, err := srv.Seal(req, user)     // what the consent form carries
//	// … the user answers the page …
//	req, err = srv.Open(ctx, form, user) // what was shown, to the same user
//	res, err := srv.Approve(ctx, req, user, req.Scope)
//	srv.WriteAuthorize(w, r, res)        // or srv.WriteError(w, r, srv.Deny(ctx, req, user))
//
// # The token endpoint
//
//	res, err := srv.Token(r)
//	if err != nil {
//		srv.WriteError(w, r, err)
//		return
//	}
//	srv.WriteToken(w, r, res)
//
// # Devices without a browser
//
// With a store for device codes (RFC 8628) a client asks for two of them: one to
// poll the token endpoint with and one to show. On the page of the latter:
//
//	req, err := srv.DeviceRequest(ctx, typed, user) // what the user typed
//	form, err := srv.SealDevice(req, user)          // what the confirmation carries
//	// … the user says whether the device is in front of them …
//	req, err = srv.OpenDevice(ctx, form, user)
//	err = srv.ApproveDevice(ctx, req, user, req.Scope) // or srv.DenyDevice(ctx, req, user)
//
// # The protected resource
//
//	t, err := srv.Authenticate(r, "read")
//
// # What is refused, and how a developer finds out why
//
// Every refusal is an [*Error]: a code and a plain sentence for the client, and
// a reason and a cause for the log and [Config].Events. Codes, tokens, secrets
// and passwords are in none of them.
//
// This package imports the standard library and package model only.
package engine
