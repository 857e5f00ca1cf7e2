package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	grantDeviceCode = "urn:ietf:params:oauth:grant-type:device_code"
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 1 << 20
	// defaultInterval is for a server that names none (RFC 8628, section 3.2), and
	// slowDown what is added to it when the server says so (section 3.5).
	defaultInterval = 5 * time.Second
	slowDown        = 5 * time.Second
	requestTimeout  = 20 * time.Second
)

// client is a public client of an authorization server.
type client struct {
	id   string
	wait func(context.Context, time.Duration) error

	deviceEndpoint, tokenEndpoint string
}

// deviceCodes is the answer of the device authorization endpoint.
type deviceCodes struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int    `json:"expires_in"`
	Interval                int    `json:"interval"`
}

type tokenResponse struct {
	AccessToken string `json:"access_token"`
	Scope       string `json:"scope"`
}

// oauthError is an error as the endpoints answer it.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *oauthError) Error() string { return e.Code + ": " + e.Description }

// discover reads where the endpoints are from the server's metadata (RFC 8414).
func (c *client) discover(ctx context.Context, issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	at := origin(issuer) + "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.Path, "/")
	var m struct {
		Issuer string `json:"issuer"`
		Device string `json:"device_authorization_endpoint"`
		Token  string `json:"token_endpoint"`
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	if err := do(req, &m); err != nil {
		return err
	}
	switch {
	case m.Issuer != issuer:
		return fmt.Errorf("the server calls itself %q, not %q", m.Issuer, issuer)
	case m.Device == "" || m.Token == "":
		return errors.New("the server has no device grant")
	}
	c.deviceEndpoint, c.tokenEndpoint = m.Device, m.Token
	return nil
}

func (c *client) askForCodes(ctx context.Context, scope string) (*deviceCodes, error) {
	codes := new(deviceCodes)
	err := c.post(ctx, c.deviceEndpoint, url.Values{"scope": {scope}}, codes)
	return codes, err
}

// poll asks for the token until the user has decided or the codes have expired.
func (c *client) poll(ctx context.Context, codes *deviceCodes) (*tokenResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(codes.ExpiresIn)*time.Second)
	defer cancel()
	interval := time.Duration(codes.Interval) * time.Second
	if interval <= 0 {
		interval = defaultInterval
	}
	for {
		if err := c.wait(ctx, interval); err != nil {
			return nil, errors.New("nobody entered the code in time")
		}
		token := new(tokenResponse)
		err := c.post(ctx, c.tokenEndpoint, url.Values{"grant_type": {grantDeviceCode}, "device_code": {codes.DeviceCode}}, token)
		var refused *oauthError
		switch {
		case err == nil:
			return token, nil
		case !errors.As(err, &refused), refused.Code == "temporarily_unavailable":
			// The network, or a server that is busy. Less often, then.
			interval *= 2
		case refused.Code == "authorization_pending":
		case refused.Code == "slow_down":
			interval += slowDown
		case refused.Code == "access_denied":
			return nil, errors.New("you said no")
		case refused.Code == "expired_token":
			return nil, errors.New("nobody entered the code in time")
		default:
			return nil, err
		}
	}
}

// get calls the API.
func (c *client) get(ctx context.Context, api, token string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	var raw json.RawMessage
	if err := do(req, &raw); err != nil {
		return "", err
	}
	var text bytes.Buffer
	err = json.Indent(&text, raw, "  ", "  ")
	return text.String(), err
}

func (c *client) post(ctx context.Context, endpoint string, form url.Values, into any) error {
	form.Set("client_id", c.id)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(req, into)
}

// do sends a request and reads the JSON of its answer. What the server refused
// is an *oauthError.
func do(req *http.Request, into any) error {
	ctx, cancel := context.WithTimeout(req.Context(), requestTimeout)
	defer cancel()
	res, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusOK {
		return json.Unmarshal(body, into)
	}
	refused := new(oauthError)
	if json.Unmarshal(body, refused) == nil && refused.Code != "" {
		return refused
	}
	return fmt.Errorf("%s %s: %s", req.Method, req.URL, res.Status)
}

// origin returns scheme and host of a URL.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.Scheme + "://" + u.Host
}
