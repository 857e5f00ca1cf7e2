package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// flowLifetime is how long the demo client remembers a browser that does nothing.
	flowLifetime = 2 * time.Hour
	// maxExchanges is how many API calls and refreshes a flow shows.
	maxExchanges = 6
)

// flow is what the demo client knows about one browser. The browser has only its
// key, in a cookie; the flow is in the drawer, sealed.
type flow struct {
	// The authorization request that waits for its answer. State and Verifier are
	// dropped when the answer comes: it is taken once.
	State, Verifier string
	AuthorizeURL    string

	Authorize, Answer, Token *exchange
	Calls, Refreshes, Breaks []*exchange // the newest first

	GrantedScope string
	Access       string
	Refresh      string
	// What was used up, to be used again in the part that tries to break it.
	SpentCode, SpentVerifier string
	SpentRefresh             string
	SignedOut                bool
	Revoked                  *exchange
}

func (f *flow) connected() bool { return f.Access != "" }

// see makes this exchange the one that the page shows open.
func (f *flow) see(e *exchange) *exchange {
	for _, old := range slices.Concat([]*exchange{f.Authorize, f.Answer, f.Token}, f.Calls, f.Refreshes, f.Breaks) {
		if old != nil {
			old.Latest = false
		}
	}
	e.Latest = true
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
	drawer drawer
	seal   cipher.AEAD
	cookie http.Cookie // name and attributes
	// busy is locked while a request works on a flow, so that a double click does
	// not use one refresh token twice. Where it reaches another program, the grace of
	// the refresh token does the same.
	busy [64]sync.Mutex
}

func newFlows(d drawer, key []byte, secure bool) (*flows, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	fs := &flows{drawer: d}
	if fs.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	fs.cookie = http.Cookie{
		Name: "demo_client", Path: "/", HttpOnly: true, Secure: secure,
		// Not Strict: the answer of the authorization server comes by a redirect that
		// may have begun on another site.
		SameSite: http.SameSiteLaxMode,
	}
	if secure {
		fs.cookie.Name = "__Host-" + fs.cookie.Name
	}
	return fs, nil
}

// key is what the browser has, or nothing.
func (fs *flows) key(c *gin.Context) string {
	cookie, err := c.Request.Cookie(fs.cookie.Name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// read returns the flow of this browser, or nil.
func (fs *flows) read(c *gin.Context) (*flow, error) {
	key := fs.key(c)
	if key == "" {
		return nil, nil
	}
	name := drawerName("flow", key)
	sealed, err := fs.drawer.read(c.Request.Context(), name)
	if err != nil || sealed == nil {
		return nil, err
	}
	text, err := fs.seal.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, nil //nolint:nilerr // of another key, which this program does not know any more
	}
	f := &flow{}
	return f, json.Unmarshal(text, f)
}

func (fs *flows) write(c *gin.Context, key string, f *flow) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	name := drawerName("flow", key)
	sealed := fs.seal.Seal(nil, nil, text, []byte(name))
	return fs.drawer.update(c.Request.Context(), name, flowLifetime, func([]byte) ([]byte, error) { return sealed, nil })
}

// change lets act work on the flow of this browser, which is nil if it has none,
// and keeps what became of it, unless act returns an error.
func (fs *flows) change(c *gin.Context, act func(f *flow) error) error {
	key := fs.key(c)
	busy := &fs.busy[crc32.ChecksumIEEE([]byte(key))%uint32(len(fs.busy))]
	busy.Lock()
	defer busy.Unlock()
	f, err := fs.read(c)
	if err != nil {
		return err
	}
	if err := act(f); err != nil || f == nil {
		return err
	}
	return fs.write(c, key, f)
}

// begin replaces the browser's flow by this one, under a new key.
func (fs *flows) begin(c *gin.Context, f *flow) error {
	if old := fs.key(c); old != "" {
		err := fs.drawer.update(c.Request.Context(), drawerName("flow", old), 0, func([]byte) ([]byte, error) { return nil, nil })
		if err != nil {
			return err
		}
	}
	cookie := fs.cookie
	cookie.Value = rand.Text()
	if err := fs.write(c, cookie.Value, f); err != nil {
		return err
	}
	http.SetCookie(c.Writer, &cookie)
	return nil
}
