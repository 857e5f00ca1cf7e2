// Package workload has what the benchmark asks of every peer: sequences of
// requests with a check of each answer. They know nothing of sockets, so that
// the same ones run over loopback and in process.
package workload

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
)

// Request is what to send next. A field that is empty is not sent.
type Request struct {
	Method, Path, Query string
	Authorization       string
	// Form is the body, of type application/x-www-form-urlencoded.
	Form string
}

// Answer is what came back. Its fields are valid only during the call.
type Answer struct {
	Status   int
	Location string
	Body     []byte
}

// Session is one client that sends one request at a time.
type Session interface {
	// Next fills in the next request.
	Next(*Request)
	// Done takes the answer. It reports whether an operation is now complete, or
	// an error if the answer is not what it must be.
	Done(*Answer) (complete bool, err error)
}

// Name names a workload.
type Name string

// The workloads.
const (
	// ClientCredentials asks for tokens with the client's secret.
	ClientCredentials Name = "client_credentials"
	// Authenticate sends valid tokens to the guarded route, each in turn.
	Authenticate Name = "authenticate"
	// Unknown sends tokens of the right form that were never issued here.
	Unknown Name = "unknown"
	// Malformed sends what cannot be a token of anybody.
	Malformed Name = "malformed"
	// Refresh spends a refresh token for the next, in one chain per connection.
	Refresh Name = "refresh"
	// CodeFlow asks for a code with PKCE and exchanges it: the operation is both.
	CodeFlow Name = "code"
	// Million is Authenticate with a million live tokens in the store.
	Million Name = "million"
)

// All returns the workloads in the order of the tables.
func All() []Name {
	return []Name{ClientCredentials, Authenticate, Unknown, Malformed, Million, Refresh, CodeFlow}
}

// Title is what the tables call a workload.
func (n Name) Title() string {
	switch n {
	case Unknown:
		return "authenticate, unknown token"
	case Malformed:
		return "authenticate, malformed token"
	case Million:
		return "authenticate, 1 M live tokens"
	case Refresh:
		return "refresh rotation"
	case CodeFlow:
		return "authorize + exchange with PKCE"
	}
	return string(n)
}

// Live is how many live tokens there are for a workload that needs some.
func (n Name) Live() int {
	switch n {
	case Authenticate, Unknown:
		return 1000
	case Million:
		return 1_000_000
	}
	return 0
}

// New returns connection i of n with its session for a workload. Tokens are live
// ones, or for Unknown such as were never issued here.
func New(name Name, p peer.Peer, tokens []string, i, n int) (Session, error) {
	switch name {
	case ClientCredentials:
		return newClientCredentials(p), nil
	case Authenticate, Million:
		return &bearer{tokens: tokens, next: i * len(tokens) / n, status: 200}, nil
	case Unknown:
		return &bearer{tokens: tokens, next: i * len(tokens) / n, status: p.Refusal}, nil
	case Malformed:
		return &bearer{tokens: []string{"not.a~token"}, status: p.Refusal}, nil
	case Refresh:
		return &refresh{flow: newFlow(p, i)}, nil
	case CodeFlow:
		return newFlow(p, i), nil
	}
	return nil, fmt.Errorf("there is no workload %q", name)
}

// basic is how the client proves who it is.
func basic(secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(peer.ClientID+":"+secret))
}

var clientBasic = basic(peer.ClientSecret)

func tokenRequest(r *Request, form string) {
	*r = Request{Method: "POST", Path: peer.TokenPath, Authorization: clientBasic, Form: form}
}

// clientCredentials asks for one token after the other.
type clientCredentials struct{ form string }

func newClientCredentials(p peer.Peer) clientCredentials {
	scope := peer.Scope
	if p.TokenScope != "" {
		scope = p.TokenScope
	}
	return clientCredentials{"grant_type=client_credentials&scope=" + url.QueryEscape(scope)}
}

func (c clientCredentials) Next(r *Request) { tokenRequest(r, c.form) }

func (clientCredentials) Done(a *Answer) (bool, error) {
	if a.Status != 200 || Member(a.Body, "access_token") == "" {
		return false, unexpected("a token", a)
	}
	return true, nil
}

// stride is how far apart the tokens are that are used one after the other, so
// that a large store is not read in the order in which it was written.
const stride = 7919

// bearer calls the guarded route with one token after the other.
type bearer struct {
	tokens []string
	next   int
	status int
}

func (b *bearer) Next(r *Request) {
	*r = Request{Method: "GET", Path: peer.GuardedPath, Authorization: "Bearer " + b.tokens[b.next%len(b.tokens)]}
	b.next += stride
}

func (b *bearer) Done(a *Answer) (bool, error) {
	if a.Status != b.status || (a.Status == 200) != (string(a.Body) == "ok") {
		return false, unexpected(fmt.Sprintf("status %d", b.status), a)
	}
	return true, nil
}

// refresh begins with a code flow, which is not counted, and goes on from its
// refresh token.
type refresh struct {
	flow  *flow
	token string
}

func (f *refresh) Next(r *Request) {
	if f.token == "" {
		f.flow.Next(r)
		return
	}
	tokenRequest(r, "grant_type=refresh_token&refresh_token="+escape(f.token))
}

func (f *refresh) Done(a *Answer) (bool, error) {
	if f.token == "" {
		complete, err := f.flow.Done(a)
		if complete {
			f.token = f.flow.refreshToken
			if f.token == "" {
				return false, unexpected("a refresh token", a)
			}
		}
		return false, err
	}
	next := Member(a.Body, "refresh_token")
	if a.Status != 200 || next == "" || next == f.token || Member(a.Body, "access_token") == "" {
		return false, unexpected("a new pair", a)
	}
	f.token = next
	return true, nil
}

func unexpected(want string, a *Answer) error {
	return fmt.Errorf("got status %d, location %q, body %.300q in place of %s", a.Status, a.Location, a.Body, want)
}

// Member returns a member of a JSON object whose value is a plain string, or "".
// It looks only for the name, which is enough for a token response and costs the
// load generator little.
func Member(body []byte, name string) string {
	for {
		i := bytes.Index(body, []byte(name))
		if i < 0 {
			return ""
		}
		body = body[i+len(name):]
		rest, found := bytes.CutPrefix(body, []byte(`":`))
		if !found {
			continue
		}
		rest, found = bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte(`"`))
		end := bytes.IndexByte(rest, '"')
		if !found || end < 0 {
			return ""
		}
		return string(rest[:end])
	}
}
