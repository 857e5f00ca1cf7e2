package main

import (
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// maxFlows is how many browsers the demo client remembers; the one that was
	// away the longest goes when one more comes.
	maxFlows = 1000
	// flowLifetime is how long it remembers a browser that is away.
	flowLifetime = 2 * time.Hour
	// maxExchanges is how many API calls and refreshes a flow shows.
	maxExchanges = 6
)

// flow is what the demo client knows about one browser. The browser has only its
// key, in a cookie. Locked by mu while a request works on it, so that a double
// click does not use one refresh token twice.
type flow struct {
	mu sync.Mutex

	// The authorization request that waits for its answer. State and verifier are
	// dropped when the answer comes: it is taken once.
	state, verifier string
	authorizeURL    string

	authorize, answer, token *exchange
	calls, refreshes, breaks []*exchange // the newest first
	latest                   *exchange

	grantedScope string
	access       string
	refresh      string
	// What was used up, to be used again in the part that tries to break it.
	spentCode, spentVerifier string
	spentRefresh             string
	signedOut                bool
	revoked                  *exchange
}

func (f *flow) connected() bool { return f.access != "" }

// see makes this exchange the one that the page shows open.
func (f *flow) see(e *exchange) *exchange {
	if f.latest != nil {
		f.latest.Latest = false
	}
	e.Latest = true
	f.latest = e
	return e
}

// keep puts an exchange in front of a list that does not grow without end.
func (f *flow) keep(list *[]*exchange, e *exchange) {
	*list = slices.Insert(*list, 0, f.see(e))
	if len(*list) > maxExchanges {
		*list = (*list)[:maxExchanges]
	}
}

// flows are those of every browser.
type flows struct {
	mu     sync.Mutex
	byKey  map[string]*flowEntry
	cookie http.Cookie // name and attributes
	now    func() time.Time
}

type flowEntry struct {
	flow *flow
	used time.Time
}

func newFlows(secure bool, now func() time.Time) *flows {
	fs := &flows{byKey: make(map[string]*flowEntry), now: now}
	fs.cookie = http.Cookie{
		Name: "demo_client", Path: "/", HttpOnly: true, Secure: secure,
		// Not Strict: the answer of the authorization server comes by a redirect that
		// may have begun on another site.
		SameSite: http.SameSiteLaxMode,
	}
	if secure {
		fs.cookie.Name = "__Host-" + fs.cookie.Name
	}
	return fs
}

// of returns the flow of this browser, or nil.
func (fs *flows) of(c *gin.Context) *flow {
	key, err := c.Request.Cookie(fs.cookie.Name)
	if err != nil {
		return nil
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	e := fs.byKey[key.Value]
	now := fs.now()
	if e == nil || now.Sub(e.used) > flowLifetime {
		return nil
	}
	e.used = now
	return e.flow
}

// begin replaces the browser's flow by a new one, under a new key.
func (fs *flows) begin(c *gin.Context) *flow {
	fs.forget(c)
	key, now := rand.Text(), fs.now()
	f := &flow{}
	fs.mu.Lock()
	fs.makeRoom(now)
	fs.byKey[key] = &flowEntry{flow: f, used: now}
	fs.mu.Unlock()
	cookie := fs.cookie
	cookie.Value = key
	http.SetCookie(c.Writer, &cookie)
	return f
}

// makeRoom removes what is out of date and, if that is not enough, the oldest.
func (fs *flows) makeRoom(now time.Time) {
	var oldest string
	for key, e := range fs.byKey {
		if now.Sub(e.used) > flowLifetime {
			delete(fs.byKey, key)
		} else if oldest == "" || e.used.Before(fs.byKey[oldest].used) {
			oldest = key
		}
	}
	if len(fs.byKey) >= maxFlows {
		delete(fs.byKey, oldest)
	}
}

// forget drops the browser's flow.
func (fs *flows) forget(c *gin.Context) {
	if key, err := c.Request.Cookie(fs.cookie.Name); err == nil {
		fs.mu.Lock()
		delete(fs.byKey, key.Value)
		fs.mu.Unlock()
	}
}
