package workload

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
)

// Check is something that a server must refuse.
type Check string

// The checks. What a peer lets pass of them stands in the report, because what
// is not checked costs nothing.
const (
	WrongSecret    Check = "a wrong client secret"
	WrongRedirect  Check = "a code for a redirect URI that is not registered"
	CodeReuse      Check = "a code used before"
	CodeRevokes    Check = "the tokens of a code used twice"
	WrongVerifier  Check = "a wrong code verifier"
	NoVerifier     Check = "a missing code verifier"
	RefreshReuse   Check = "a refresh token two rotations old"
	RefreshRevokes Check = "the tokens of a refresh token used twice"
	UnknownToken   Check = "an access token that was never issued"
	MalformedToken Check = "an access token that cannot be one"
)

// Checks returns all of them in the order of the report.
func Checks() []Check {
	return []Check{
		WrongSecret, WrongRedirect, CodeReuse, CodeRevokes, WrongVerifier, NoVerifier, RefreshReuse, RefreshRevokes, UnknownToken, MalformedToken,
	}
}

// Refuses finds out which of the checks a server passes. It goes through the
// right way first and returns an error if that does not work.
func Refuses(ctx context.Context, addr string, p peer.Peer, unknown string) ([]Check, error) {
	c := &checker{ctx: ctx, addr: addr, peer: p, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	defer c.client.CloseIdleConnections()
	c.find(unknown)
	if c.err != nil {
		return nil, fmt.Errorf("check %s: %w", p.Name, c.err)
	}
	return c.refused, nil
}

// Verify returns an error if a server refuses other things than its peer is known
// to refuse.
func Verify(ctx context.Context, addr string, p peer.Peer, unknown string) error {
	refused, err := Refuses(ctx, addr, p, unknown)
	if err != nil {
		return err
	}
	for _, check := range Checks() {
		lax := slices.Contains(p.Lax, string(check))
		if got := slices.Contains(refused, check); got == lax {
			return fmt.Errorf("%s: refuses %s: %v, but its file says %v", p.Name, check, got, !lax)
		}
	}
	return nil
}

type checker struct {
	ctx     context.Context
	addr    string
	peer    peer.Peer
	client  *http.Client
	refused []Check
	err     error
}

func (c *checker) find(unknown string) {
	f := newFlow(c.peer, 0)
	c.note(WrongSecret, c.send(Request{
		Method: "POST", Path: peer.TokenPath, Authorization: basic("wrong"), Form: "grant_type=client_credentials&scope=" + peer.Scope,
	}).Status != 200)
	evil := authorizeQuery(c.peer, f.verifiers[0], "https://evil.example/callback")
	location := c.send(Request{Method: "GET", Path: peer.AuthorizePath, Query: evil}).Location
	c.note(WrongRedirect, !strings.HasPrefix(location, "https://evil.example") || !strings.Contains(location, "code="))

	// A code can be used once and only with its verifier. Some servers spend the
	// code when it comes with a wrong verifier, so each try gets one of its own.
	c.note(WrongVerifier, c.exchange(c.code(f), f.verifiers[1]).Status != 200)
	c.note(NoVerifier, c.exchange(c.code(f), "").Status != 200)
	code := c.code(f)
	first := c.exchange(code, f.verifiers[0])
	access := c.want(first, "access_token")
	c.works(access)
	c.note(CodeReuse, c.exchange(code, f.verifiers[0]).Status != 200)
	c.note(CodeRevokes, c.revoked(access))

	oldest := c.want(c.exchange(c.code(f), f.verifiers[0]), "refresh_token")
	second := c.want(c.rotate(oldest), "refresh_token")
	access = c.want(c.rotate(second), "access_token")
	c.works(access)
	c.note(RefreshReuse, c.rotate(oldest).Status != 200)
	c.note(RefreshRevokes, c.revoked(access))

	c.note(UnknownToken, c.guarded(unknown).Status == c.peer.Refusal)
	c.note(MalformedToken, c.guarded("not.a~token").Status == c.peer.Refusal)
}

func (c *checker) note(check Check, refused bool) {
	if refused {
		c.refused = append(c.refused, check)
	}
}

// code walks through the authorization endpoint.
func (c *checker) code(f *flow) string {
	q := Request{Method: "GET", Path: peer.AuthorizePath, Query: f.queries[0]}
	for range 5 {
		a := c.send(q)
		code, path, query := follow(a.Location)
		if code != "" {
			return code
		}
		q = Request{Method: "GET", Path: path, Query: query}
		if path == "" {
			c.fail(unexpected("a code", &a))
			break
		}
	}
	return ""
}

func (c *checker) exchange(code, verifier string) Answer {
	return c.send(Request{
		Method: "POST", Path: peer.TokenPath, Authorization: clientBasic, Form: exchangeForm(code, verifier, peer.RedirectURI),
	})
}

func (c *checker) rotate(token string) Answer {
	return c.send(Request{
		Method: "POST", Path: peer.TokenPath, Authorization: clientBasic, Form: "grant_type=refresh_token&refresh_token=" + escape(token),
	})
}

func (c *checker) guarded(token string) Answer {
	return c.send(Request{Method: "GET", Path: peer.GuardedPath, Authorization: "Bearer " + token})
}

// want returns a member of an answer that must have it.
func (c *checker) want(a Answer, member string) string {
	value := Member(a.Body, member)
	if a.Status != 200 || value == "" {
		c.fail(unexpected(member, &a))
	}
	return value
}

// works makes sure that a token is good.
func (c *checker) works(token string) {
	if a := c.guarded(token); a.Status != 200 && !c.peer.Limit {
		c.fail(unexpected("an answer to a valid token", &a))
	}
}

// revoked reports whether a token that was good is so no longer.
func (c *checker) revoked(token string) bool { return !c.peer.Limit && c.guarded(token).Status != 200 }

// fail keeps the first error.
func (c *checker) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *checker) send(q Request) Answer {
	target := "http://" + c.addr + q.Path
	if q.Query != "" {
		target += "?" + q.Query
	}
	r, err := http.NewRequestWithContext(c.ctx, q.Method, target, strings.NewReader(q.Form))
	if err != nil {
		c.fail(err)
		return Answer{}
	}
	if q.Form != "" {
		r.Header.Set("Content-Type", formType[0])
	}
	if q.Authorization != "" {
		r.Header.Set("Authorization", q.Authorization)
	}
	res, err := c.client.Do(r)
	if err != nil {
		c.fail(err)
		return Answer{}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.fail(err)
	}
	return Answer{Status: res.StatusCode, Location: res.Header.Get("Location"), Body: body}
}
