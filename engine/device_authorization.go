package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// DeviceResponse is what the device authorization endpoint answers (RFC 8628,
// section 3.2), to be written with [Server.WriteDevice].
type DeviceResponse struct {
	// DeviceCode is the secret that the device polls with.
	DeviceCode string `json:"device_code"`
	// UserCode is what the device shows: XXXX-XXXX.
	UserCode string `json:"user_code"`
	// VerificationURI is where to type it, VerificationURIComplete a link that
	// saves the typing, for a QR code. The user has to confirm all the same.
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	// ExpiresIn and Interval are in seconds.
	ExpiresIn int64 `json:"expires_in"`
	Interval  int64 `json:"interval"`

	// Code is the record that was saved.
	Code *model.DeviceCode `json:"-"`
}

const (
	// slowDown is by how much the interval grows when a device polls too fast
	// (RFC 8628, section 3.5).
	slowDown = 5 * time.Second
	// pollTolerance is how much early a poll may come: the way through the network
	// is not always equally long.
	pollTolerance = 500 * time.Millisecond
	// userCodeTries is how many user codes are tried until one is free.
	userCodeTries = 5
)

var errNoDevices = errors.New("the device grant is off: set Config.Devices, or a Model that implements model.DeviceModel")

// HasDevices reports whether the device grant is on.
func (s *Server) HasDevices() bool { return s.cfg.Devices != nil }

// DeviceAuthorization answers a device that asks for a pair of codes (RFC 8628,
// section 3.1). The client authenticates as at the token endpoint. The error is
// an *Error.
func (s *Server) DeviceAuthorization(r *http.Request) (res *DeviceResponse, err error) {
	ctx := r.Context()
	defer s.caught(ctx, atDeviceCode, &err)
	ev := Event{Endpoint: atDeviceCode, GrantType: model.GrantDeviceCode}
	res, e := s.deviceAuthorization(r, &ev)
	if e != nil {
		return nil, s.refused(ctx, ev, e)
	}
	return res, nil
}

func (s *Server) deviceAuthorization(r *http.Request, ev *Event) (*DeviceResponse, *Error) {
	if !s.HasDevices() {
		return nil, fault(errNoDevices, "devices")
	}
	client, f, e := s.clientRequest(r, ev)
	if e != nil {
		return nil, e
	}
	if !client.AllowsGrant(model.GrantDeviceCode) {
		return nil, refuse(CodeUnauthorizedClient, "client_grant", "The client may not use the device grant.")
	}
	scope, e := s.requestedScope(client, f.get("scope"))
	if e != nil {
		return nil, e
	}
	resources, e := s.requestedResources(f)
	if e != nil {
		return nil, e
	}
	if e := s.limitDeviceCodes(r, client); e != nil {
		return nil, e
	}
	return s.newDeviceCode(r.Context(), client, scope, resources)
}

// newDeviceCode draws both codes and saves them. A user code may be taken: there
// are not that many.
func (s *Server) newDeviceCode(ctx context.Context, c *model.Client, scope model.Scope, resources model.Resources) (*DeviceResponse, *Error) {
	now := s.now()
	expires := later(now, s.cfg.DeviceCodeLifetime)
	var err error
	for range userCodeTries {
		var grant model.GrantID
		if err := s.drawGrant(&grant); err != nil {
			return nil, fault(err, "random")
		}
		device, fail := s.randomCredential(grant)
		if fail != nil {
			return nil, fault(fail, "random")
		}
		user, fail := s.newUserCode()
		if fail != nil {
			return nil, fault(fail, "random")
		}
		code := &model.DeviceCode{
			Key: device.key, UserCode: user.digest(), ClientID: c.ID, Scope: scope, Resources: resources,
			IssuedAt: now, ExpiresAt: expires, RetainUntil: expires.Add(replayWindow),
			Interval: s.cfg.DevicePollInterval - pollTolerance,
		}
		if err = s.cfg.Devices.SaveDeviceCode(ctx, code); err == nil {
			return s.deviceResponse(device.text, user, code), nil
		}
		if !errors.Is(err, model.ErrExists) {
			break
		}
	}
	return nil, asError(err, "save_device_code")
}

func (s *Server) deviceResponse(device string, user userCode, code *model.DeviceCode) *DeviceResponse {
	return &DeviceResponse{
		DeviceCode: device, UserCode: user.String(),
		VerificationURI:         s.cfg.Endpoints.Device,
		VerificationURIComplete: withParameter(s.cfg.Endpoints.Device, "user_code", user.String()),
		ExpiresIn:               secondsUntil(code.IssuedAt, code.ExpiresAt),
		Interval:                int64(s.cfg.DevicePollInterval / time.Second),
		Code:                    code,
	}
}

// withParameter adds a parameter to the query of a URL, which was checked.
func withParameter(raw, name, value string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += name + "=" + url.QueryEscape(value)
	return u.String()
}

// WriteDevice writes the answer of the device authorization endpoint.
func (s *Server) WriteDevice(w http.ResponseWriter, r *http.Request, res *DeviceResponse) {
	body, err := json.Marshal(res)
	if err != nil {
		s.WriteError(w, r, err)
		return
	}
	noStore(w.Header())
	writeJSON(w, http.StatusOK, body)
}
