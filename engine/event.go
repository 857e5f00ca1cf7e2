package engine

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// EventType says what happened.
type EventType string

// The events. None of them carries a code, token, secret or password.
const (
	// EventAuthorized: a user approved a request and a code was issued.
	EventAuthorized EventType = "authorized"
	// EventDenied: a user said no.
	EventDenied EventType = "denied"
	// EventIssued: an access token was issued, with or without refresh token.
	EventIssued EventType = "issued"
	// EventReissued: a refresh was repeated within the grace window and got the
	// same answer again; nothing was written.
	EventReissued EventType = "reissued"
	// EventRefused: a request was refused; see Reason.
	EventRefused EventType = "refused"
	// EventReplayed: a spent code or refresh token was used again. The grant is
	// revoked; EventRevoked follows.
	EventReplayed EventType = "replayed"
	// EventRevoked: a grant was revoked; without GrantID all of UserID, of
	// ClientID, or of both.
	EventRevoked EventType = "revoked"
	// EventConsentRemembered: what a user approved need not be asked again.
	EventConsentRemembered EventType = "consent_remembered"
	// EventConsentForgotten: the user will be asked again.
	EventConsentForgotten EventType = "consent_forgotten"
	// EventSecretRotated: a client got a new secret.
	EventSecretRotated EventType = "secret_rotated"
	// EventClientDisabled and EventClientEnabled: an administrator did so.
	EventClientDisabled EventType = "client_disabled"
	EventClientEnabled  EventType = "client_enabled"
	// EventClientRegistered, EventClientChanged and EventClientDeleted: a client
	// did so itself (RFC 7591, RFC 7592).
	EventClientRegistered EventType = "client_registered"
	EventClientChanged    EventType = "client_changed"
	EventClientDeleted    EventType = "client_deleted"
	// EventFault: something failed that is not the client's doing.
	EventFault EventType = "fault"
)

// Event is what [Config].Events gets. Fields that do not apply are zero.
type Event struct {
	Type EventType
	Time time.Time
	// Endpoint is where: "authorize", "token", "authenticate", "revoke",
	// "introspect", "device_authorization", "device" and "applications" (the
	// user's pages), "manage" (functions for administrators), "issue"
	// (Server.Issue), "register" ….
	Endpoint  string
	GrantType string
	GrantID   model.GrantID
	// ClientID is who the request says it comes from. In a refusal it may be
	// unproven.
	ClientID string
	UserID   string
	Scope    model.Scope
	// Reason names the rule that refused, or why a grant was revoked.
	Reason string
	// Err is the answer of a refusal or fault, with its cause.
	Err *Error
}

// The endpoints, as events and the log name them.
const (
	atAuthorize    = "authorize"
	atToken        = "token"
	atAuthenticate = "authenticate"
	atRevoke       = "revoke"
	atIntrospect   = "introspect"
	atLogin        = "login"
	atApplications = "applications"
	atManage       = "manage"
	atDeviceCode   = "device_authorization"
	atDevice       = "device"
	atIssue        = "issue"
	atRegister     = "register"
)

// level returns how loud the log is about an event. Refusals on the resource
// side are everyday, since tokens expire, and so is a device that polls.
func (e *Event) level() slog.Level {
	switch e.Type {
	case EventFault:
		return slog.LevelError
	case EventReplayed:
		return slog.LevelWarn
	case EventRevoked, EventConsentForgotten, EventSecretRotated, EventClientDisabled, EventClientEnabled,
		EventClientRegistered, EventClientChanged, EventClientDeleted:
		return slog.LevelInfo
	case EventRefused, EventDenied:
		if e.Endpoint != atAuthenticate && !isPending(e.Err) {
			return slog.LevelInfo
		}
	}
	return slog.LevelDebug
}

// emit tells the hook and the log.
func (p *process) emit(ctx context.Context, e Event) {
	if p.events != nil {
		if e.Time.IsZero() {
			e.Time = p.now()
		}
		p.tell(ctx, e)
	}
	level := e.level()
	if !p.logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	text("endpoint", e.Endpoint)
	text("grant_type", e.GrantType)
	if !e.GrantID.IsZero() {
		text("grant_id", e.GrantID.String())
	}
	text("client_id", e.ClientID)
	text("user_id", e.UserID)
	text("scope", string(e.Scope))
	text("reason", e.Reason)
	if e.Err != nil {
		text("ref", e.Err.Reference)
		text("error", e.Err.Code)
		text("description", e.Err.Description)
		text("sent", e.Err.Sent)
		if len(e.Err.Expected) > 0 {
			attrs = append(attrs, slog.Any("expected", e.Err.Expected))
		}
		if e.Err.Cause != nil {
			text("cause", e.Err.Cause.Error())
		}
	}
	p.logger.LogAttrs(ctx, level, "oauth: "+string(e.Type), attrs...)
}

// tell calls the hook. Its panic ends here: what was issued must be answered, and
// the report of a fault must not fail in turn.
func (p *process) tell(ctx context.Context, e Event) {
	defer func() {
		if v := recover(); v != nil {
			p.logger.LogAttrs(ctx, slog.LevelError, "oauth: Config.Events panicked",
				slog.String("event", string(e.Type)), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
	}()
	p.events(ctx, e)
}

// refused reports a refusal or a fault and returns it as an error.
func (p *process) refused(ctx context.Context, e Event, err *Error) *Error {
	p.refer(err)
	e.Type, e.Reason, e.Err = EventRefused, err.Reason, err
	if err.HTTPStatus() >= 500 && !err.elsewhere {
		e.Type = EventFault
	}
	p.emit(ctx, e)
	return err
}
