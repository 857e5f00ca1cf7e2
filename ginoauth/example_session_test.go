package ginoauth_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// The application has a login that keeps the user's id in the session.
// SessionUser goes into Options.AuthenticateHandler; here a route shows what it
// finds.
func ExampleSessionUser() {
	currentUser := ginoauth.SessionUser("user_id")

	r := gin.New()
	r.Use(sessions.Sessions("app", cookie.NewStore([]byte("0123456789abcdef0123456789abcdef"))))
	r.POST("/login", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("user_id", int64(42))
		if err := session.Save(); err != nil {
			c.Status(http.StatusInternalServerError)
		}
	})
	r.GET("/", func(c *gin.Context) {
		user, err := currentUser(c)
		if err != nil {
			c.String(http.StatusUnauthorized, err.Error())
			return
		}
		c.String(http.StatusOK, "user "+user.ID)
	})

	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Code, w.Body)

	w = httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/login", nil))
	again := httptest.NewRequest(http.MethodGet, "/", nil)
	again.AddCookie(w.Result().Cookies()[0])
	w = httptest.NewRecorder()
	r.ServeHTTP(w, again)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 401 no such user
	// 200 user 42
}

// accounts stands for the application's own table of users.
type accounts map[string]*account

type account struct {
	name, password string
	disabled       bool
	validFrom      time.Time
}

// load is what SessionOptions.LoadUser asks for.
func (a accounts) load(_ context.Context, user *model.User) (time.Time, error) {
	found := a[user.ID]
	if found == nil || found.disabled {
		return time.Time{}, ginoauth.ErrNoUser
	}
	user.Name = found.name
	return found.validFrom, nil
}

// The application leaves its sessions to this package. sessions.User goes into
// Options.AuthenticateHandler.
func ExampleNewSessions() {
	users := accounts{"u1": {name: "Alice", password: "wonderland"}}
	store := cookie.NewStore(
		[]byte("0123456789abcdef0123456789abcdef"), // signs; from the configuration, and random
		[]byte("fedcba9876543210fedcba9876543210")) // encrypts
	sess, err := ginoauth.NewSessions(store, ginoauth.SessionOptions{
		Issuer:   "https://auth.example",
		Idle:     2 * time.Hour,
		LoadUser: users.load,
	})
	if err != nil {
		log.Fatal(err)
	}

	r := gin.New()
	r.Use(sess.Middleware())
	r.POST("/login", func(c *gin.Context) {
		user := users["u1"]
		if c.PostForm("password") != user.password { // an application compares hashes
			c.Status(http.StatusUnauthorized)
			return
		}
		if err := sess.SignIn(c, "u1"); err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.Redirect(http.StatusSeeOther, "/") // with a Server: oauth.ReturnTo(c, "/")
	})
	r.POST("/logout", func(c *gin.Context) {
		if err := sess.SignOut(c); err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.Redirect(http.StatusSeeOther, "/")
	})

	form := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("password=wonderland"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, form)
	c := w.Result().Cookies()[0]
	fmt.Println(w.Code, c.Name, c.MaxAge, c.Secure, c.HttpOnly, c.SameSite == http.SameSiteLaxMode)
	// Output: 303 __Host-session 7200 true true true
}

// After a change of the password every session of the user ends but the one
// that changed it.
func ExampleSessions_SignIn() {
	users := accounts{"u1": {name: "Alice"}}
	sess, err := ginoauth.NewSessions(cookie.NewStore([]byte("0123456789abcdef0123456789abcdef")),
		ginoauth.SessionOptions{Issuer: "https://auth.example", LoadUser: users.load})
	if err != nil {
		log.Fatal(err)
	}
	r := gin.New()
	r.Use(sess.Middleware())
	r.POST("/password", func(c *gin.Context) {
		user, err := sess.User(c)
		if err != nil {
			c.Status(http.StatusUnauthorized)
			return
		}
		// Save the new password and the time together, then sign in.
		users[user.ID].validFrom = time.Now()
		if err := sess.SignIn(c, user.ID); err != nil {
			c.Status(http.StatusInternalServerError)
		}
	})
}

// Any function can say who is signed in: this one reads a cookie that the
// application signs itself. One that reads a JWT checks its signature with the
// one algorithm that the application issues, its expiry and its audience in
// place of valid. One on alexedwards/scs is shorter still, since scs changes the
// token at RenewToken:
//
//	id := manager.GetString(c.Request.Context(), "user_id")
//	if id == "" {
//		return nil, ginoauth.ErrNoUser
//	}
//	return &model.User{ID: id, SessionID: manager.Token(c.Request.Context())}, nil
//
// The id has to change at each sign-in; here it is part of the cookie. The cookie
// must be SameSite=Lax: with Strict it is not sent when another site sends the
// browser to the authorization endpoint.
func ExampleOptions_authenticateHandler() {
	key := []byte("0123456789abcdef0123456789abcdef")
	sign := func(payload string) string {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(payload))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	// user.session.expiry.signature
	valid := func(value string) (userID, sessionID string, ok bool) {
		payload, signature, _ := cutLast(value)
		parts := strings.Split(payload, ".")
		if len(parts) != 3 || !hmac.Equal([]byte(signature), []byte(sign(payload))) {
			return "", "", false
		}
		expiry, err := strconv.ParseInt(parts[2], 10, 64)
		return parts[0], parts[1], err == nil && time.Now().Unix() < expiry
	}

	opts := ginoauth.Options{
		LoginURL: "/login",
		AuthenticateHandler: func(c *gin.Context) (*model.User, error) {
			cookie, err := c.Request.Cookie("__Host-login")
			if err != nil {
				return nil, ginoauth.ErrNoUser
			}
			userID, sessionID, ok := valid(cookie.Value)
			if !ok { // altered, or too old: signed out, not a fault
				return nil, ginoauth.ErrNoUser
			}
			return &model.User{ID: userID, SessionID: sessionID}, nil
		},
	}

	payload := "u1.3f9c." + strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	for _, value := range []string{payload + "." + sign(payload), payload + ".x"} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodGet, "/oauth/authorize", nil)
		c.Request.AddCookie(&http.Cookie{Name: "__Host-login", Value: value})
		user, err := opts.AuthenticateHandler(c)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(user.ID, user.SessionID)
	}
	// Output:
	// u1 3f9c
	// no such user
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}
