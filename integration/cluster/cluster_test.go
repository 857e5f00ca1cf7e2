// Package cluster tests three instances of the demo on one store as a cluster, by killing things: whatever happens, what
// clients were told stays true. Each client writes a [Journal], and what must be true of it is checked after each run.
package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/gin-oauth/gin-oauth-server/integration/internal/demo"
	"github.com/gin-oauth/gin-oauth-server/internal/testserver"
)

// shared are the servers that no test kills.
var shared testserver.Group

type tests struct{ m *testing.M }

func (t tests) Run() int { return shared.Run(t.m) }

func TestMain(m *testing.M) { demo.MainWithoutRace(tests{m}) }

// databases are what the instances can stand on: those that several machines can share.
var databases = map[string]func(testing.TB) string{
	"PostgreSQL": func(tb testing.TB) string { return shared.PostgreSQL(tb).Database(tb) },
	"MariaDB":    func(tb testing.TB) string { return shared.MariaDB(tb).Database(tb) },
	"Redis":      func(tb testing.TB) string { return shared.Redis(tb).Database(tb) },
}

func onEach(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, database(t))
		})
	}
}

// A cluster is three instances, and a client of theirs that keeps a journal.
type cluster struct {
	Journal
	t    *testing.T
	http *http.Client
	demo.Client
	verifier string

	mu        sync.Mutex
	instances []*demo.Server
}

// start runs three instances on a store.
func start(t *testing.T, dsn string, flags ...string) *cluster {
	t.Helper()
	flags = append([]string{
		"-store", dsn, "-key", "c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0", "-code-lifetime", "10m", "-refresh-token-grace", "10m", "-log-level", "warn",
	}, flags...)
	first := demo.Start(t, nil, flags...)
	return &cluster{
		Journal:   Journal{Grace: true},
		t:         t,
		http:      &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 20 * time.Second}, Timeout: time.Minute},
		Client:    demo.Seed().Client("web"),
		verifier:  oauth2.GenerateVerifier(),
		instances: []*demo.Server{first, first.Instance(t), first.Instance(t)},
	}
}

func (c *cluster) instance(i int) *demo.Server {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.instances[i]
}

// restart starts an instance that was killed, at the same address.
func (c *cluster) restart(i int) {
	again := c.instance(i).Restart(c.t)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instances[i] = again
}

// codes lets a user allow the client as often as that, by a proxy that sends each request to the next instance.
func (c *cluster) codes(n int) []string {
	c.t.Helper()
	turn := 0
	alice := c.instance(0).NewVisitor(c.t)
	alice.Via(func(*http.Request) *demo.Server { turn++; return c.instance(turn % 3) })
	config := oauth2.Config{ClientID: c.ID, RedirectURL: c.RedirectURIs[0], Scopes: []string{"read"}, Endpoint: oauth2.Endpoint{AuthURL: c.instance(0).URL + "/oauth/authorize"}}
	address := config.AuthCodeURL("a-state", oauth2.S256ChallengeOption(c.verifier))
	codes := make([]string, n)
	for i := range codes {
		codes[i] = alice.Authorize(address, "allow").Query().Get("code")
		require.NotEmpty(c.t, codes[i])
	}
	return codes
}

// The four things that a client asks for, each about a session and at an instance.

func (c *cluster) redeem(session, instance int, code string) Entry {
	return c.token(Redeem, session, instance, code, url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.RedirectURIs[0]}, "code_verifier": {c.verifier}})
}

func (c *cluster) refresh(session, instance int, token string) Entry {
	return c.token(Refresh, session, instance, token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (c *cluster) revoke(session, instance int, token string) Entry {
	return c.Ask(func() Entry {
		e := c.send(instance, http.MethodPost, "/oauth/revoke", url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}, "")
		e.Session, e.Kind, e.Sent = session, Revoke, token
		return e
	})
}

func (c *cluster) use(session, instance int, token string) Entry {
	return c.Ask(func() Entry {
		e := c.send(instance, http.MethodGet, "/api/notes", nil, token)
		e.Session, e.Kind, e.Sent = session, Use, token
		if e.Status == http.StatusUnauthorized {
			e.Answer = Refused
		}
		return e
	})
}

func (c *cluster) token(kind Kind, session, instance int, sent string, form url.Values) Entry {
	return c.Ask(func() Entry {
		e := c.send(instance, http.MethodPost, "/oauth/token", form, "")
		e.Session, e.Kind, e.Sent = session, kind, sent
		var body struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
			Error   string `json:"error"`
		}
		if e.Status == http.StatusOK || e.Status == http.StatusBadRequest {
			if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
				e.Answer = Odd
				return e
			}
		}
		switch {
		case e.Status == http.StatusOK && body.Access != "" && body.Refresh != "":
			e.Pair, e.Body = Pair{body.Access, body.Refresh}, ""
		case e.Status == http.StatusOK:
			e.Answer = Odd
		case e.Status == http.StatusBadRequest && body.Error == "invalid_grant":
			e.Answer = Refused
		}
		return e
	})
}

// send sends a request, of the client or with an access token, and says what is plain from the answer's status.
func (c *cluster) send(instance int, method, path string, form url.Values, token string) Entry {
	e := Entry{Instance: instance}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.instance(instance).Addr()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return Entry{Answer: Odd, Body: err.Error()}
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	}
	res, err := c.http.Do(r)
	if err != nil {
		e.Answer, e.Body = Lost, err.Error()
		return e
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		e.Answer, e.Body = Lost, err.Error()
		return e
	}
	e.Status, e.Body = res.StatusCode, string(text)
	switch {
	case e.Status == http.StatusOK:
		e.Answer = Granted
	case e.Status >= http.StatusInternalServerError:
		e.Answer = Failed
	default:
		e.Answer = Odd
	}
	return e
}

// check fails the test for each thing in the journal that must not be.
func (c *cluster) check() {
	c.t.Helper()
	for i, wrong := range c.Check() {
		if i == 5 {
			c.t.Error("and more")
			break
		}
		c.t.Error(wrong)
	}
}

// count says how often each answer was given to each question.
func (c *cluster) count() map[string]int {
	n := map[string]int{}
	for _, e := range c.Entries() {
		n[fmt.Sprint(e.Kind, " ", e.Answer)]++
	}
	return n
}

// atOnce calls ask for 0 to n-1, each in a goroutine of its own, and returns what it returned.
func atOnce(n int, ask func(i int) Entry) []Entry {
	answers := make([]Entry, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { answers[i] = ask(i) })
	}
	wg.Wait()
	return answers
}

// inParallel calls f for 0 to n-1, a few at a time.
func inParallel(n int, f func(i int)) {
	const few = 4
	var wg sync.WaitGroup
	for worker := range few {
		wg.Go(func() {
			for i := worker; i < n; i += few {
				f(i)
			}
		})
	}
	wg.Wait()
}

// everywhere uses an access token at each instance.
func (c *cluster) everywhere(session int, token string, want Answer) {
	for i := range c.instances {
		e := c.use(session, i, token)
		assert.Equal(c.t, want, e.Answer, "%v", e)
	}
}
