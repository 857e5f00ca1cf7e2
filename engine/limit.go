package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// RateLimits says how often the endpoints may be called. Each limit counts per
// endpoint. A zero limit is the default, which no well-behaved client meets; one
// with a negative interval is off: {Interval: -1}. What is beyond a limit gets
// status 429 with Retry-After, and nothing is spent.
type RateLimits struct {
	// Address is for the requests of one address, see [Config].ClientAddress.
	// Defaults to 1000 a second, and 20000 at once. Behind a proxy that
	// ClientAddress does not look through, this is the limit of all clients
	// together.
	Address model.Rate
	// Client is for the requests of one client. Defaults to 1000 a second, and
	// 20000 at once. Where a client does not prove who it is, which is always so
	// for a public one, it counts per client and address, so that nobody can use up
	// what is another's.
	Client model.Rate
	// Failures is for wrong secrets of one client and wrong passwords of one user
	// (password grant) from one address, and for wrong user codes of devices by one
	// user. Defaults to 10 a minute, and 20 at once. While it is reached, the right
	// secret is not taken either.
	Failures model.Rate
	// Registrations is for the clients that one address registers where anybody may
	// (RegistrationPolicy.AllowOpen), for each of them is stored. Defaults to 10 a
	// minute, and 100 at once.
	Registrations model.Rate
	// DeviceCodes is for the device codes that one address gets with clients that do
	// not prove who they are, for each of them is stored.
	// Defaults to 2 a second, and 1000 at once.
	DeviceCodes model.Rate
}

func (l *RateLimits) setDefaults() {
	often := model.Rate{Interval: time.Millisecond, Burst: 20000}
	setDefault(&l.Address, often)
	setDefault(&l.Client, often)
	setDefault(&l.Failures, model.Rate{Interval: 6 * time.Second, Burst: 20})
	setDefault(&l.Registrations, model.Rate{Interval: 6 * time.Second, Burst: 100})
	setDefault(&l.DeviceCodes, model.Rate{Interval: 500 * time.Millisecond, Burst: 1000})
}

// maxLimitWindow bounds how long a full burst takes to come back.
const maxLimitWindow = 24 * time.Hour

// list returns the limits with their names.
func (l *RateLimits) list() []struct {
	name string
	rate model.Rate
} {
	return []struct {
		name string
		rate model.Rate
	}{{"Address", l.Address}, {"Client", l.Client}, {"Failures", l.Failures}, {"Registrations", l.Registrations}, {"DeviceCodes", l.DeviceCodes}}
}

// isOff reports whether a limit is turned off.
func isOff(r model.Rate) bool { return r.Interval < 0 }

// limitAddress is asked first of all, before the body is read.
func (s *Server) limitAddress(r *http.Request, endpoint string) *Error {
	rate := s.cfg.RateLimits.Address
	if isOff(rate) {
		return nil
	}
	address := s.address(r)
	if address == "" {
		return nil // all who have none would share the limit
	}
	wait := s.take(r.Context(), endpoint, endpoint+" address "+address, 1, rate)
	return tooMany(wait, "limit_address", "Too many requests come from this address.")
}

// limitClient is asked once the client is known. Proven tells that it proved who
// it is.
func (s *Server) limitClient(r *http.Request, endpoint string, c *model.Client, proven bool) *Error {
	rate := s.cfg.RateLimits.Client
	if isOff(rate) {
		return nil
	}
	var key string
	if proven {
		key = endpoint + " client " + c.ID
	} else {
		key = endpoint + " client " + c.ID + " " + s.address(r)
	}
	return tooMany(s.take(r.Context(), endpoint, key, 1, rate), "limit_client", "The client sends too many requests.")
}

// limitRegistration is asked before a client is stored that nobody vouched for.
func (s *Server) limitRegistration(r *http.Request) *Error {
	rate := s.cfg.RateLimits.Registrations
	if isOff(rate) || !s.cfg.Registration.AllowOpen {
		return nil
	}
	wait := s.take(r.Context(), atRegister, "registration "+s.address(r), 1, rate)
	return tooMany(wait, "limit_registrations", "Too many clients were registered from this address.")
}

// limitDeviceCodes is asked before a device code is stored that nobody vouched
// for: whoever knows the name of a public client can ask for one.
func (s *Server) limitDeviceCodes(r *http.Request, c *model.Client) *Error {
	rate := s.cfg.RateLimits.DeviceCodes
	if isOff(rate) || !c.Public {
		return nil
	}
	wait := s.take(r.Context(), atDeviceCode, "device_codes "+s.address(r), 1, rate)
	return tooMany(wait, "limit_device_codes", "Too many devices were started from this address.")
}

// guesses counts failed attempts to know a secret. The zero value counts nothing.
//
// An attempt is allowed before it is made, and counted once it failed. Of many at
// once no more are answered than would be one after the other: what failed beyond
// the limit gets the answer of who has to wait, and so does what was right, if
// others failed meanwhile.
type guesses struct {
	s             *Server
	endpoint, key string
	// before is how many attempts of all had failed when this one was allowed.
	before uint64
}

// guesses returns the counter for who tries a secret of a client from an address.
// A client that sends none guesses nothing.
func (s *Server) guesses(r *http.Request, endpoint string, cred clientCredentials) guesses {
	if cred.method == model.AuthNone || isOff(s.cfg.RateLimits.Failures) {
		return guesses{}
	}
	id := cred.id
	if !isPrintable(id) {
		id = "?" // no client has such a name
	}
	// One counter for all endpoints: they ask for the same secret.
	return guesses{s: s, endpoint: endpoint, key: "secret " + loggable(id) + " " + s.address(r)}
}

// passwordGuesses returns the counter for who tries passwords of a user, with
// whatever client (RFC 6749, section 4.3.2).
func (s *Server) passwordGuesses(r *http.Request, username string) guesses {
	if isOff(s.cfg.RateLimits.Failures) {
		return guesses{}
	}
	return guesses{s: s, endpoint: atToken, key: "password " + loggable(username) + " " + s.address(r)}
}

// AllowLogin is for the login page of the application: it returns an *Error with
// status 429 and Retry-After if too many passwords for this user from this address
// were wrong, as [Server.LoginFailed] was told. It then refuses before the
// password is looked at. The password grant counts the same. Attempts that are
// under way at the same time do not see each other.
func (s *Server) AllowLogin(r *http.Request, username string) error {
	ctx := r.Context()
	attempt := s.passwordGuesses(r, username)
	if err := attempt.allowed(ctx); err != nil {
		return s.refused(ctx, Event{Endpoint: atLogin}, err)
	}
	return nil
}

// LoginFailed counts a wrong password, or one for a user that there is not. See
// [RateLimits].Failures.
func (s *Server) LoginFailed(r *http.Request, username string) {
	attempt := s.passwordGuesses(r, username)
	_ = attempt.failed(r.Context()) // the application has its own answer
}

// userCodeGuesses returns the counter for a user who types the codes of devices
// (RFC 8628, section 5.1).
func (s *Server) userCodeGuesses(userID string) guesses {
	if isOff(s.cfg.RateLimits.Failures) {
		return guesses{}
	}
	return guesses{s: s, endpoint: atDevice, key: "user_code " + userID}
}

// allowed says whether one more attempt may be made.
func (g *guesses) allowed(ctx context.Context) *Error {
	if g.s == nil {
		return nil
	}
	g.before = g.s.failures.Load()
	return g.tooMany(g.s.take(ctx, g.endpoint, g.key, 0, g.s.cfg.RateLimits.Failures))
}

// succeeded says whether an attempt that was right may succeed.
func (g *guesses) succeeded(ctx context.Context) *Error {
	if g.s == nil || g.s.failures.Load() == g.before {
		return nil
	}
	return g.allowed(ctx)
}

// failed counts an attempt that failed. It returns what is to be answered instead
// if too many did.
func (g *guesses) failed(ctx context.Context) *Error {
	if g.s == nil {
		return nil
	}
	g.s.failures.Add(1)
	return g.tooMany(g.s.take(ctx, g.endpoint, g.key, 1, g.s.cfg.RateLimits.Failures))
}

func (g *guesses) tooMany(wait time.Duration) *Error {
	return tooMany(wait, "limit_failures", "Too many attempts have failed.")
}

// tooMany is the answer to who has to wait; nil if nobody has.
func tooMany(wait time.Duration, reason, description string) *Error {
	if wait <= 0 {
		return nil
	}
	e := refuse(CodeTemporarilyUnavailable, reason, description).because(fmt.Errorf("the limit allows the next in %v", wait))
	e.Status = http.StatusTooManyRequests
	e.Header = http.Header{"Retry-After": {strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)}}
	return e
}

// take asks the limiter. When it fails, nobody has to wait: a limiter that is
// down must not take the server with it.
func (s *Server) take(ctx context.Context, endpoint, key string, n int, rate model.Rate) (wait time.Duration) {
	defer func() {
		if v := recover(); v != nil {
			wait = 0
			s.limiterFailed(ctx, endpoint, fmt.Errorf("panic: %v", v))
		}
	}()
	wait, err := s.limits.Take(ctx, key, n, rate, s.clock())
	if err != nil {
		// A client that hung up is no fault of the limiter.
		if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
			s.limiterFailed(ctx, endpoint, err)
		}
		return 0
	}
	return wait
}

func (s *Server) limiterFailed(ctx context.Context, endpoint string, cause error) {
	e := fault(cause, "limits")
	s.emit(ctx, Event{Type: EventFault, Endpoint: endpoint, Reason: e.Reason, Err: e})
}

// address is where a request comes from, as limits count it.
func (s *Server) address(r *http.Request) string {
	if s.cfg.ClientAddress != nil {
		return normalAddress(s.cfg.ClientAddress(r))
	}
	return normalAddress(r.RemoteAddr)
}

// normalAddress takes the port off, and of an IPv6 address all that its holder
// may choose: a /64 is one customer. What is no address stays as it is, such as
// the name of a tenant; loggable bounds it.
func normalAddress(s string) string {
	if i := strings.LastIndexByte(s, ':'); i > 0 && isDotted(s[:i]) {
		return s[:i] // IPv4 with a port is nearly all there is
	}
	host := s
	if h, _, err := net.SplitHostPort(s); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return loggable(host)
	}
	a = a.Unmap()
	if a.Is4() {
		return a.String()
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return loggable(host)
	}
	return p.String()
}

// isDotted reports whether s is made of digits and dots only.
func isDotted(s string) bool {
	for i := range len(s) {
		if b := s[i]; b != '.' && (b < '0' || b > '9') {
			return false
		}
	}
	return true
}
