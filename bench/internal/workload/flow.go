package workload

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
)

// flow is the authorization code flow with PKCE of a browser and a client, the
// user signed in and the consent given. Redirects inside the server are followed.
type flow struct {
	verifiers []string
	queries   []string
	n         int

	path, query string // where the browser goes next; empty at the start
	code        string
	// refreshToken is what the last exchange brought.
	refreshToken string
}

// verifierCount is how many verifiers a session takes turns with: making one
// costs more than the rest of the load generator does.
const verifierCount = 64

func newFlow(p peer.Peer, i int) *flow {
	f := &flow{}
	for k := range verifierCount {
		seed := sha256.Sum256(fmt.Appendf(nil, "verifier %d of connection %d", k, i))
		verifier := base64.RawURLEncoding.EncodeToString(seed[:])
		f.verifiers = append(f.verifiers, verifier)
		f.queries = append(f.queries, authorizeQuery(p, verifier, peer.RedirectURI))
	}
	return f
}

// state is long enough for fosite, which demands eight characters.
const state = "state-0123456789"

func authorizeQuery(p peer.Peer, verifier, redirectURI string) string {
	scope := peer.Scope
	if p.FlowScope != "" {
		scope = p.FlowScope
	}
	q := url.Values{
		"response_type": {"code"}, "client_id": {peer.ClientID}, "redirect_uri": {redirectURI}, "scope": {scope}, "state": {state},
	}
	if verifier != "" {
		challenge := sha256.Sum256([]byte(verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(challenge[:]))
		q.Set("code_challenge_method", "S256")
	}
	return q.Encode()
}

func (f *flow) Next(r *Request) {
	switch {
	case f.code != "":
		tokenRequest(r, exchangeForm(f.code, f.verifiers[f.n%verifierCount], peer.RedirectURI))
	case f.path != "":
		*r = Request{Method: "GET", Path: f.path, Query: f.query}
	default:
		*r = Request{Method: "GET", Path: peer.AuthorizePath, Query: f.queries[f.n%verifierCount]}
	}
}

func exchangeForm(code, verifier, redirectURI string) string {
	form := "grant_type=authorization_code&code=" + escape(code) + "&redirect_uri=" + url.QueryEscape(redirectURI)
	if verifier != "" {
		form += "&code_verifier=" + verifier
	}
	return form
}

// escape escapes what a token may consist of for a form.
func escape(token string) string {
	if strings.ContainsAny(token, "+/=%&") {
		return url.QueryEscape(token)
	}
	return token
}

func (f *flow) Done(a *Answer) (bool, error) {
	if f.code != "" {
		if a.Status != 200 || Member(a.Body, "access_token") == "" {
			return false, unexpected("a token", a)
		}
		f.refreshToken = Member(a.Body, "refresh_token")
		f.code, f.path = "", ""
		f.n++
		return true, nil
	}
	if a.Status/100 != 3 {
		return false, unexpected("a redirect", a)
	}
	code, path, query := follow(a.Location)
	if code == "" && path == "" {
		return false, unexpected("a code", a)
	}
	f.code, f.path, f.query = code, path, query
	return false, nil
}

// follow tells where a redirect of the authorization endpoint leads: to the
// client with a code, or to another page of the server.
func follow(location string) (code, path, query string) {
	target, query, _ := strings.Cut(location, "?")
	if target == peer.RedirectURI {
		for pair := range strings.SplitSeq(query, "&") {
			if code, found := strings.CutPrefix(pair, "code="); found {
				// What a code consists of needs no escaping, but some peers escape it.
				if code, err := url.QueryUnescape(code); err == nil {
					return code, "", ""
				}
			}
		}
		return "", "", ""
	}
	target = strings.TrimPrefix(target, "http://localhost")
	if !strings.HasPrefix(target, "/") {
		return "", "", ""
	}
	return "", target, query
}
