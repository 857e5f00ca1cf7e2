package peer

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
)

// Bare is the limit: what a Gin handler costs that only does the visible part of
// the work, written the way Gin's own documentation writes handlers.
//
//   - Token: it parses the form, draws 32 random bytes for each token and writes
//     the same JSON with the headers of RFC 6749, section 5.1. It checks no
//     client and stores nothing.
//   - Authorize: it draws 32 random bytes for the code and redirects. It checks
//     and stores nothing.
//   - Guard: it reads the header and looks the token up in one map without a
//     lock. It knows no expiry and no scope.
func Bare() Peer {
	return Peer{
		Name: "bare", Title: "bare Gin handler", Limit: true, Refusal: http.StatusUnauthorized, New: newBare,
		Notes: []string{
			"for a token it parses the form with c.PostForm, draws 32 random bytes and writes the same JSON with c.JSON and gin.H, with a refresh token of as many for the refresh and code rows",
			"for a code it draws 32 random bytes and redirects: the row of the code flow is that redirect and one token, two requests",
			"at the guarded route it reads the header and looks the token up in one map[string]string without a lock",
			"it checks no client, code, verifier or refresh token, knows no expiry and no scope, and stores nothing",
		},
		Lax: []string{
			"a wrong client secret", "a code for a redirect URI that is not registered", "a code used before", "the tokens of a code used twice",
			"a wrong code verifier", "a missing code verifier", "a refresh token two rotations old", "the tokens of a refresh token used twice",
		},
	}
}

type bare struct {
	// users has the user of each token. It is filled before the requests come.
	users map[string]string
}

func newBare(Options) (*Instance, error) {
	b := &bare{users: map[string]string{}}
	r := newRouter()
	r.POST(TokenPath, b.token)
	r.GET(AuthorizePath, b.authorize)
	r.GET(GuardedPath, b.authenticate, ok)
	return &Instance{Handler: r, Issue: b.issue}, nil
}

// draw returns 32 random bytes as text.
func draw() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (b *bare) token(c *gin.Context) {
	res := gin.H{"access_token": draw(), "token_type": "Bearer", "expires_in": int(AccessLifetime.Seconds()), "scope": Scope}
	switch c.PostForm("grant_type") {
	case "client_credentials":
	case "authorization_code", "refresh_token":
		res["refresh_token"] = draw()
	default:
		c.JSON(http.StatusBadRequest, gin.H{"error": "unsupported_grant_type"})
		return
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Pragma", "no-cache")
	c.JSON(http.StatusOK, res)
}

func (b *bare) authorize(c *gin.Context) {
	answer := url.Values{"code": {draw()}, "state": {c.Query("state")}}
	c.Header("Cache-Control", "no-store")
	c.Redirect(http.StatusFound, c.Query("redirect_uri")+"?"+answer.Encode())
}

func (b *bare) authenticate(c *gin.Context) {
	token, found := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
	if found {
		_, found = b.users[token]
	}
	if !found {
		refuse(c)
	}
}

func (b *bare) issue(n int, each func(string) error) error {
	for range n {
		token := draw()
		b.users[token] = UserID
		if err := each(token); err != nil {
			return err
		}
	}
	return nil
}
