package engine

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-oauth/gin-oauth-server/internal/uris"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// ClientIDDocumentPolicy turns client ID metadata documents on: a client need
// not be registered, its client_id is an https URL where a document describes
// it (draft-ietf-oauth-client-id-metadata-document). Such clients are public and
// may use authorization_code and refresh_token only; whoever runs a web page can
// be one, so the consent page says that nobody verified them.
//
// The server fetches documents from the public internet: from addresses that
// are not of special use (RFC 6890), over port 443, without redirects, proxy or
// credentials, at most 5 kB within 5 seconds. A valid document is kept as long
// as its Cache-Control or Expires says, between a minute and a day; a failure is
// not kept.
type ClientIDDocumentPolicy struct {
	// Scope is the most that such a client may ask for. A document may ask for
	// less. Required.
	Scope model.Scope
	// AllowHost decides about the host of a client_id, a DNS name in lower case.
	// It is asked each time, also about documents that are kept. Nil: every host.
	AllowHost func(host string) bool
	// AllowLoopback takes localhost, 127.0.0.1 and [::1], with any port, for
	// clients under development. They reach what runs on the server's machine.
	AllowLoopback bool

	// LookupIP resolves a host, once per fetch; only addresses that it returned
	// are dialled. Defaults to net.DefaultResolver.
	LookupIP func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address, IP and port, that was found harmless. Defaults
	// to a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RootCAs verify the hosts. Nil: those of the system.
	RootCAs *x509.CertPool
}

const (
	clientIDScheme = "https://"
	maxClientID    = 255
	maxClientName  = 100
	// maxRedirects bounds how many redirect URIs a document may name.
	maxRedirects = 32
)

// isDocumentID reports whether a client_id names a document. No registered
// client's does, see [model.Client.Validate].
func isDocumentID(id string) bool { return strings.HasPrefix(id, clientIDScheme) }

// documentError says why there is no client behind a URL, for the log. To the
// engine it is a client that is not found.
type documentError struct{ cause error }

func (e *documentError) Error() string        { return "client ID metadata document: " + e.cause.Error() }
func (e *documentError) Unwrap() error        { return e.cause }
func (e *documentError) Is(target error) bool { return target == model.ErrNotFound }

func badDocument(format string, args ...any) error {
	return &documentError{fmt.Errorf(format, args...)}
}

// checkURL holds the rules for a client_id that is a URL (section 3 of the
// draft), and those of this policy.
func (p *ClientIDDocumentPolicy) checkURL(id string) (*url.URL, error) {
	if len(id) > maxClientID {
		return nil, badDocument("the client_id is longer than %d bytes", maxClientID)
	}
	for i := range len(id) {
		if b := id[i]; b <= 0x20 || b > 0x7e || strings.IndexByte("\"<>\\^`{|}#", b) >= 0 {
			return nil, badDocument("the client_id has a character that has no place in it, such as a fragment")
		}
	}
	u, err := url.Parse(id)
	switch {
	case err != nil || u.Scheme != "https" || u.Opaque != "":
		return nil, badDocument("the client_id is not an https URL")
	case u.User != nil:
		return nil, badDocument("the client_id has user information")
	case u.ForceQuery || u.RawQuery != "":
		return nil, badDocument("the client_id has a query")
	case u.Path == "" || u.Path[0] != '/':
		return nil, badDocument("the client_id has no path")
	}
	// The decoded path, since a server may decode before it looks for dots.
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return nil, badDocument("the client_id has a dot segment in its path")
		}
	}
	return u, p.checkHost(u)
}

func (p *ClientIDDocumentPolicy) checkHost(u *url.URL) error {
	host := u.Hostname()
	if uris.IsLoopback(host) {
		if !p.AllowLoopback {
			return badDocument("the client_id is on a loopback host, which AllowLoopback is not set for")
		}
	} else if !isDNSName(host) {
		return badDocument("the host of the client_id is not a full DNS name in lower case")
	} else if u.Host != host && u.Host != host+":443" {
		return badDocument("the client_id has a port other than 443")
	}
	if p.AllowHost != nil && !p.AllowHost(host) {
		return badDocument("the policy does not allow the host %q", host)
	}
	return nil
}

// isDNSName reports whether a host is a name of at least two labels, in lower
// case and without dot at the end: what a person can recognise on a page, and
// nothing that a resolver takes for an address ("0x7f.1").
func isDNSName(host string) bool {
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for i := range len(l) {
			if b := l[i]; b != '-' && (b < 'a' || b > 'z') && (b < '0' || b > '9') {
				return false
			}
		}
	}
	top := labels[len(labels)-1]
	return len(labels) > 1 && 'a' <= top[0] && top[0] <= 'z' && len(host) <= 253
}

// readDocument makes a client of a document (section 4 of the draft). Members
// that mean nothing here are ignored; nothing that the document links is fetched.
func (p *ClientIDDocumentPolicy) readDocument(id string, body []byte) (*model.Client, error) {
	// A map, since a struct's members would match in any case of letters.
	var doc map[string]json.RawMessage
	if !utf8.Valid(body) || json.Unmarshal(body, &doc) != nil || doc == nil {
		return nil, badDocument("it is not a JSON object")
	}
	var (
		clientID, name, method, scope string
		redirects, grants             []string
	)
	for _, m := range []struct {
		name string
		into any
	}{
		{"client_id", &clientID},
		{"client_name", &name},
		{"token_endpoint_auth_method", &method},
		{"scope", &scope},
		{"redirect_uris", &redirects},
		{"grant_types", &grants},
	} {
		raw, ok := doc[m.name]
		if ok && (string(raw) == "null" || json.Unmarshal(raw, m.into) != nil) {
			return nil, badDocument("%s is of the wrong type", m.name)
		}
	}
	if clientID != id {
		return nil, badDocument("its client_id is %q", loggable(clientID))
	}
	for _, secret := range [...]string{"client_secret", "client_secret_expires_at"} {
		if _, ok := doc[secret]; ok {
			return nil, badDocument("it has a %s, which everybody can read", secret)
		}
	}
	// A document cannot hold a secret, so one that names no method means none.
	if method != "" && method != model.AuthNone {
		return nil, badDocument("token_endpoint_auth_method is %q, but only none is possible", loggable(method))
	}
	if len(name) > maxClientName {
		return nil, badDocument("client_name is longer than %d bytes", maxClientName)
	}
	// The name stands on the consent page, before people who know nothing else.
	if e := checkName("client_name", name); e != nil {
		return nil, badDocument("client_name has control characters, or others that cannot be seen")
	}
	if len(redirects) > maxRedirects {
		return nil, badDocument("it has more than %d redirect_uris", maxRedirects)
	}
	c := &model.Client{ID: id, Name: name, Public: true, SelfRegistered: true, RedirectURIs: redirects}
	if err := p.grantAndScope(c, doc, grants, scope); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, &documentError{err}
	}
	return c, nil
}

// grantAndScope gives the client what the document asks for, as far as the
// policy goes. What it asks for beyond, say a grant that is for other servers,
// it does not get (RFC 7591, section 2).
func (p *ClientIDDocumentPolicy) grantAndScope(c *model.Client, doc map[string]json.RawMessage, grants []string, scope string) error {
	if _, ok := doc["grant_types"]; !ok {
		grants = []string{model.GrantAuthorizationCode}
	}
	for _, g := range [...]string{model.GrantAuthorizationCode, model.GrantRefreshToken} {
		if slices.Contains(grants, g) {
			c.Grants = append(c.Grants, g)
		}
	}
	if !c.AllowsGrant(model.GrantAuthorizationCode) || len(c.Grants) == 0 {
		return badDocument("its grant_types lack authorization_code")
	}
	c.Scope = p.Scope
	if _, ok := doc["scope"]; ok {
		asked, err := model.ParseScope(scope)
		if err != nil {
			return &documentError{fmt.Errorf("scope: %w", err)}
		}
		c.Scope = p.Scope.Intersect(asked)
	}
	return nil
}

func (c *Config) checkClientIDDocuments(f *findings) {
	p := c.ClientIDDocuments
	if p == nil {
		return
	}
	names := make([]string, len(c.Scopes))
	for i, info := range c.Scopes {
		names[i] = info.Name
	}
	const field = "ClientIDDocuments.Scope"
	switch parsed, err := model.ParseScope(string(p.Scope)); {
	case p.Scope == "":
		f.add("document-scope-empty", field, "is empty", "name the most that a client nobody verified may ask for", "")
	case err != nil || parsed != p.Scope:
		f.add("document-scope-malformed", field, fmt.Sprintf("%q is not a scope in normal form", p.Scope), "make it with model.NewScope", "RFC 6749, section 3.3")
	case !model.NewScope(names...).Covers(p.Scope):
		f.add("document-scope-unknown", field, fmt.Sprintf("%q has a scope that Scopes lacks", p.Scope), "add it there, or take it off here", "")
	}
}

// knownClient returns the client with this id, but fetches nothing: a document
// that is not at hand is not found.
func (s *Server) knownClient(ctx context.Context, id string) (*model.Client, error) {
	if s.documents != nil && isDocumentID(id) {
		return s.documents.known(id)
	}
	return s.cfg.Model.GetClient(ctx, id)
}

// whyUnknown says for the log why there is no client with this id.
func whyUnknown(id string, err error) error {
	var d *documentError
	if errors.As(err, &d) {
		return fmt.Errorf("%q: %w", loggable(id), d)
	}
	return fmt.Errorf("no client %q is registered", loggable(id))
}
