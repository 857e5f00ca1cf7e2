package engine

import (
	"context"
	"errors"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// DeviceRequest is a request of a device that a user has entered the code of
// (RFC 8628, section 3.3). It is shown to that user, with a question: is the
// device in front of you?
type DeviceRequest struct {
	// UserCode is the code as the device shows it. The page shows it again, so
	// that the user can compare.
	UserCode string
	// Client is the device's. It is nil in what OpenDevice returns.
	Client   *model.Client
	ClientID string
	// Scope and Resources are what the device asks for.
	Scope     model.Scope
	Resources model.Resources

	key model.Key
}

// ReasonUserCode is the [Error].Reason of an answer to a user code that is
// unknown, has expired or was used. The way on is to type it again.
const ReasonUserCode = "user_code"

func userCodeRefused(cause error) *Error {
	return refuse(CodeInvalidRequest, ReasonUserCode, "This code is not valid. It may be mistyped, have expired or have been used already.").because(cause)
}

// DeviceRequest looks up the request of a device by what the user typed, in any
// case and with any separators. The error is an *Error, with ReasonUserCode if
// there is no such request that can be decided.
//
// User codes are short: a user may try a few only, see [RateLimits].Failures (RFC
// 8628, section 5.1).
func (s *Server) DeviceRequest(ctx context.Context, typed string, user *model.User) (req *DeviceRequest, err error) {
	defer s.caught(ctx, atDevice, &err)
	if user == nil || user.ID == "" {
		return nil, errors.New("engine: DeviceRequest needs a signed-in user")
	}
	ev := Event{Endpoint: atDevice, GrantType: model.GrantDeviceCode, UserID: user.ID}
	req, e := s.deviceRequest(ctx, typed, &ev)
	if e != nil {
		return nil, s.refused(ctx, ev, e)
	}
	return req, nil
}

func (s *Server) deviceRequest(ctx context.Context, typed string, ev *Event) (*DeviceRequest, *Error) {
	if !s.HasDevices() {
		return nil, fault(errNoDevices, "devices")
	}
	user, ok := parseUserCode(typed)
	if !ok {
		return nil, userCodeRefused(errors.New("it has not the form of a user code"))
	}
	guesses := s.userCodeGuesses(ev.UserID)
	if e := guesses.allowed(ctx); e != nil {
		return nil, e
	}
	code, client, e := s.pendingDevice(ctx, user, ev)
	if e != nil {
		if e.Reason == ReasonUserCode {
			if tooMany := guesses.failed(ctx); tooMany != nil {
				return nil, tooMany
			}
		}
		return nil, e
	}
	if e := guesses.succeeded(ctx); e != nil {
		return nil, e
	}
	return &DeviceRequest{
		UserCode: user.String(), Client: client, ClientID: client.ID,
		Scope: code.Scope, Resources: code.Resources, key: code.Key,
	}, nil
}

// pendingDevice finds what can be decided, and the client as it is now.
func (s *Server) pendingDevice(ctx context.Context, user userCode, ev *Event) (*model.DeviceCode, *model.Client, *Error) {
	code, err := s.cfg.Devices.GetDeviceCode(ctx, user.digest())
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, nil, userCodeRefused(errors.New("there is no such code"))
	case err != nil:
		return nil, nil, asError(err, "get_device_code")
	}
	ev.ClientID, ev.GrantID, ev.Scope = code.ClientID, code.Key.Grant, code.Scope
	if code.Status != model.DevicePending {
		return nil, nil, userCodeRefused(errors.New("the code was used before"))
	}
	if !s.now().Before(code.ExpiresAt) {
		return nil, nil, userCodeRefused(errors.New("the code has expired"))
	}
	client, err := s.getClient(ctx, code.ClientID)
	switch {
	case errors.Is(err, model.ErrNotFound):
		return nil, nil, userCodeRefused(errors.New("the client was removed"))
	case err != nil:
		return nil, nil, asError(err, "get_client")
	case client.Disabled:
		return nil, nil, userCodeRefused(errors.New("the client is disabled"))
	case !client.AllowsGrant(model.GrantDeviceCode), !client.Scope.Covers(code.Scope):
		return nil, nil, userCodeRefused(errors.New("the client lost the grant or a scope"))
	}
	return code, client, nil
}

// sealedDevice is what the form of the confirmation page carries.
type sealedDevice struct {
	UserCode  string
	Key       model.Key
	ClientID  string
	Scope     model.Scope
	Resources model.Resources
	ExpiresAt int64 // Unix milliseconds
}

// SealDevice returns what the confirmation page carries for this request: only
// who has it has entered the code. Like [Server.Seal] it is bound to user and
// session and good for 10 minutes.
func (s *Server) SealDevice(req *DeviceRequest, user *model.User) (string, error) {
	if user == nil || user.ID == "" {
		return "", errors.New("engine: SealDevice needs a signed-in user")
	}
	return s.box(devicePage, user, sealedDevice{
		UserCode: req.UserCode, Key: req.key, ClientID: req.ClientID, Scope: req.Scope, Resources: req.Resources,
		ExpiresAt: s.now().Add(pageLifetime).UnixMilli(),
	})
}

// OpenDevice restores the request from what the confirmation page sent back. The
// error is an *Error with ReasonStalePage: the page expired, or was made with
// another key, or for another user or session.
func (s *Server) OpenDevice(ctx context.Context, form string, user *model.User) (*DeviceRequest, error) {
	if user == nil || user.ID == "" {
		return nil, errors.New("engine: OpenDevice needs a signed-in user")
	}
	var f sealedDevice
	e := s.unbox(devicePage, user, form, &f)
	if e == nil && s.now().UnixMilli() >= f.ExpiresAt {
		e = stalePage(errors.New("the form is older than 10 minutes"))
	}
	if e != nil {
		return nil, s.refused(ctx, Event{Endpoint: atDevice, GrantType: model.GrantDeviceCode, UserID: user.ID}, e)
	}
	return &DeviceRequest{UserCode: f.UserCode, ClientID: f.ClientID, Scope: f.Scope, Resources: f.Resources, key: f.Key}, nil
}

// ApproveDevice lets the device have this scope, which must not be empty nor
// more than it asked for. A request is decided once; whoever comes later gets an
// *Error with ReasonUserCode, as does one whose client changed meanwhile.
// [Config].CheckUser and ValidateScope are asked.
func (s *Server) ApproveDevice(ctx context.Context, req *DeviceRequest, user *model.User, scope model.Scope) error {
	return s.decideDevice(ctx, req, user, func(ev *Event, client *model.Client) *Error {
		approved, err := model.ParseScope(string(scope))
		if err != nil || approved == "" || !req.Scope.Covers(approved) {
			return refuse(CodeInvalidScope, "scope_approved", "The approved scope is not what was asked for.")
		}
		if e := s.checkUser(ctx, user.ID, CodeAccessDenied); e != nil {
			return e
		}
		granted, e := s.policyScope(ctx, ScopeRequest{Client: client, UserID: user.ID, GrantType: model.GrantDeviceCode, Scope: approved})
		if e != nil {
			return e
		}
		ev.Type, ev.Scope = EventAuthorized, granted
		return s.saveDecision(ctx, req, model.DeviceApproved, user, granted)
	})
}

// DenyDevice tells the device no. It is a decision like an approval.
func (s *Server) DenyDevice(ctx context.Context, req *DeviceRequest, user *model.User) error {
	return s.decideDevice(ctx, req, user, func(ev *Event, _ *model.Client) *Error {
		ev.Type, ev.Reason = EventDenied, "user_denied"
		return s.saveDecision(ctx, req, model.DeviceDenied, user, req.Scope)
	})
}

func (s *Server) decideDevice(ctx context.Context, req *DeviceRequest, user *model.User, decide func(*Event, *model.Client) *Error) (err error) {
	defer s.caught(ctx, atDevice, &err)
	if user == nil || user.ID == "" {
		return errors.New("engine: a decision needs a signed-in user")
	}
	code, ok := parseUserCode(req.UserCode)
	if !ok || req.key.Grant.IsZero() {
		return errors.New("engine: a decision needs a request made by DeviceRequest or OpenDevice")
	}
	ev := Event{Endpoint: atDevice, GrantType: model.GrantDeviceCode, UserID: user.ID, ClientID: req.ClientID, GrantID: req.key.Grant, Scope: req.Scope}
	seen := ev
	record, client, e := s.pendingDevice(ctx, code, &seen)
	switch {
	case e != nil:
	case record.Key != req.key:
		e = userCodeRefused(errors.New("the code is another device's by now"))
	default:
		done := ev
		if e = decide(&done, client); e == nil {
			s.emit(ctx, done)
			return nil
		}
	}
	return s.refused(ctx, ev, e)
}

func (s *Server) saveDecision(ctx context.Context, req *DeviceRequest, status model.DeviceStatus, user *model.User, scope model.Scope) *Error {
	switch err := s.cfg.Devices.DecideDeviceCode(ctx, req.key, status, user.ID, scope); {
	case err == nil:
		return nil
	case errors.Is(err, model.ErrSpent), errors.Is(err, model.ErrNotFound):
		return userCodeRefused(errors.New("the code was decided meanwhile"))
	default:
		return asError(err, "decide_device_code")
	}
}
