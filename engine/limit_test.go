package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// few are limits that a test reaches.
func few(c *engine.Config) {
	c.RateLimits = engine.RateLimits{
		Address:  model.Rate{Interval: time.Second, Burst: 6},
		Client:   model.Rate{Interval: 10 * time.Second, Burst: 3},
		Failures: model.Rate{Interval: time.Minute, Burst: 2},
	}
}

// machine asks for a token as a client that acts for itself, from an address.
func (f *fixture) machine(clientID, secret, address string) answer {
	r := post("/oauth/token", edit(url.Values{}, "grant_type=client_credentials", "scope=read"))
	if secret == "" {
		r = post("/oauth/token", edit(url.Values{}, "grant_type=refresh_token", "refresh_token=x", "client_id="+clientID))
	} else {
		r.SetBasicAuth(clientID, secret)
	}
	r.RemoteAddr = address
	return f.do(r)
}

// assertWait checks the answer to who has to wait.
func (a answer) assertWait(t *testing.T, seconds string) {
	t.Helper()
	a.assertError(t, http.StatusTooManyRequests, engine.CodeTemporarilyUnavailable)
	assert.Equal(t, seconds, a.Header().Get("Retry-After"))
}

func TestLimitFailures(t *testing.T) {
	t.Parallel()
	const here, there = "192.0.2.7:4711", "198.51.100.9:80"
	t.Run("6749-2.3.1+2.1-2.4.1 wrong secrets are slowed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		for range 2 {
			f.machine("conf", "wrong", here).assertError(t, http.StatusUnauthorized, engine.CodeInvalidClient)
		}
		before := f.store.count()
		f.machine("conf", "wrong", here).assertWait(t, "60")
		f.machine("conf", "s3cret", "192.0.2.7:9999").assertWait(t, "60")
		assert.Equal(t, before, f.store.count(), "the store is left alone")
		assert.Equal(t, "limit_failures", f.lastEvent(t).Reason)
		assert.Equal(t, engine.EventRefused, f.lastEvent(t).Type)
		assert.Equal(t, http.StatusOK, f.machine("conf", "s3cret", there).Code, "another address is not locked out")
		assert.Equal(t, http.StatusOK, f.machine("conf2", "s3cret2", here).Code, "another client neither")
		f.clock.Advance(time.Minute)
		assert.Equal(t, http.StatusOK, f.machine("conf", "s3cret", here).Code)
		f.machine("conf", "wrong", here).assertError(t, http.StatusUnauthorized, engine.CodeInvalidClient)
		f.machine("conf", "wrong", here).assertWait(t, "60")
	})
	t.Run("6749-2.3.1 an unknown client is no different", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		for range 2 {
			f.machine("ghost", "wrong", here).assertError(t, http.StatusUnauthorized, engine.CodeInvalidClient)
		}
		f.machine("ghost", "wrong", here).assertWait(t, "60")
	})
	t.Run("one counter for all endpoints", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		f.token("conf", "wrong", "client_credentials")
		f.revoke("conf", "wrong", "x").assertError(t, http.StatusUnauthorized, engine.CodeInvalidClient)
		f.revoke("conf", "s3cret", "x").assertWait(t, "60")
		f.token("conf", "s3cret", "client_credentials").assertWait(t, "60")
	})
	t.Run("6749-4.3.2 wrong passwords are slowed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few, func(c *engine.Config) {
			c.CheckPassword = func(_ context.Context, _ *model.Client, _, password string) (*model.User, error) {
				if password != "right" {
					return nil, model.ErrNoUser
				}
				return alice(), nil
			}
		})
		password := func(clientID, username, password string) answer {
			return f.token(clientID, map[string]string{"conf": "s3cret", "conf2": "s3cret2"}[clientID], "password", "username="+username, "password="+password, "scope=read")
		}
		for range 2 {
			password("conf", "alice", "wrong").assertError(t, http.StatusBadRequest, engine.CodeInvalidGrant)
		}
		password("conf", "alice", "right").assertWait(t, "60")
		password("conf2", "alice", "right").assertWait(t, "60")
		assert.Equal(t, http.StatusOK, password("conf2", "bob", "right").Code)
	})
	t.Run("wrong passwords at the application's login are slowed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		r := post("/login", nil)
		for range 2 {
			require.NoError(t, f.srv.AllowLogin(r, "alice"))
			f.srv.LoginFailed(r, "alice")
		}
		e := engine.AsError(f.srv.AllowLogin(r, "alice"))
		assert.Equal(t, http.StatusTooManyRequests, e.HTTPStatus())
		assert.Equal(t, "60", e.Header.Get("Retry-After"))
		assert.Equal(t, "login", f.lastEvent(t).Endpoint)
		require.NoError(t, f.srv.AllowLogin(r, "bob"))
		other := post("/login", nil)
		other.RemoteAddr = there
		require.NoError(t, f.srv.AllowLogin(other, "alice"))
	})
	t.Run("6749-2.3.1 so are those that are sent at the same time", func(t *testing.T) {
		t.Parallel()
		// Whatever is sent has been allowed before anything is looked at, and the right
		// secret is looked at last.
		const n = 20
		var allowed sync.WaitGroup
		allowed.Add(n + 1)
		wrongAreDone := make(chan struct{})
		f := newFixture(t, few, func(c *engine.Config) {
			c.RateLimits.Address, c.RateLimits.Client = model.Rate{}, model.Rate{}
			c.VerifySecret = func(_ context.Context, _ *model.Client, secret string) (bool, error) {
				allowed.Done()
				allowed.Wait()
				if secret == "s3cret" {
					<-wrongAreDone
				}
				return secret == "s3cret", nil
			}
		})
		codes := make(chan int, n)
		right := make(chan answer, 1)
		go func() { right <- f.machine("conf", "s3cret", here) }()
		for range n {
			go func() { codes <- f.machine("conf", "wrong", here).Code }()
		}
		counts := map[int]int{}
		for range n {
			counts[<-codes]++
		}
		assert.Equal(t, map[int]int{http.StatusUnauthorized: 2, http.StatusTooManyRequests: n - 2}, counts)
		close(wrongAreDone)
		a := <-right
		a.assertWait(t, "60")
	})
	t.Run("8628-5.1 wrong user codes are slowed", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		try := func(user string) *engine.Error {
			_, err := f.srv.DeviceRequest(t.Context(), "BCDF-GHJK", &model.User{ID: user})
			return engine.AsError(err)
		}
		for range 2 {
			require.Equal(t, engine.ReasonUserCode, try("alice").Reason)
		}
		assert.Equal(t, http.StatusTooManyRequests, try("alice").HTTPStatus())
		assert.Equal(t, engine.ReasonUserCode, try("bob").Reason)
	})
}

func TestLimitRequests(t *testing.T) {
	t.Parallel()
	t.Run("of a client that proves who it is, from all addresses", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		for i := range 3 {
			require.Equal(t, http.StatusOK, f.machine("conf", "s3cret", fmt.Sprintf("192.0.2.%d:1", i)).Code)
		}
		f.machine("conf", "s3cret", "192.0.2.9:1").assertWait(t, "10")
		assert.Equal(t, "limit_client", f.lastEvent(t).Reason)
		f.machine("conf", "wrong", "192.0.2.9:1").assertError(t, http.StatusUnauthorized, engine.CodeInvalidClient)
		assert.Equal(t, http.StatusOK, f.revoke("conf", "s3cret", "x").Code, "another endpoint counts by itself")
		f.clock.Advance(10 * time.Second)
		assert.Equal(t, http.StatusOK, f.machine("conf", "s3cret", "192.0.2.9:1").Code)
	})
	t.Run("of a public client, per address", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		for range 3 {
			f.machine("pub", "", "192.0.2.7:1").assertError(t, http.StatusBadRequest, engine.CodeInvalidGrant)
		}
		f.machine("pub", "", "192.0.2.7:1").assertWait(t, "10")
		f.machine("pub", "", "192.0.2.8:1").assertError(t, http.StatusBadRequest, engine.CodeInvalidGrant)
	})
	t.Run("of an address, before the body is read", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		for i := range 6 {
			f.machine(fmt.Sprint("ghost", i), "x", "192.0.2.7:1").assertError(t, http.StatusUnauthorized, engine.CodeInvalidClient)
		}
		r := post("/oauth/token", nil)
		r.RemoteAddr, r.Body = "192.0.2.7:1", unreadable{t}
		f.do(r).assertWait(t, "1")
		assert.Equal(t, "limit_address", f.lastEvent(t).Reason)
		assert.Equal(t, http.StatusOK, f.machine("conf", "s3cret", "192.0.2.8:1").Code)
	})
	t.Run("at authorize, never by a redirect", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, few)
		for range 3 {
			require.Equal(t, http.StatusOK, f.do(get(az())).Code)
		}
		f.do(get(az())).assertWait(t, "10")
		f.do(get(az("client_id=ghost", "-redirect_uri"))).assertError(t, http.StatusBadRequest, engine.CodeInvalidClient)
		f.do(get(az("client_id=ghost")))
		f.do(get(az("client_id=ghost"))).assertWait(t, "1")
	})
}

func TestLimitRegistrations(t *testing.T) {
	t.Parallel()
	rate := func(c *engine.Config) { c.RateLimits.Registrations = model.Rate{Interval: time.Minute, Burst: 2} }
	t.Run("7591-5 an address registers a few clients at most", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration(), rate)
		f.register(`{"redirect_uris":["http://evil.example/cb"]}`).assertError(t, http.StatusBadRequest, engine.CodeInvalidRedirectURI)
		for range 2 {
			f.registerOK(t, newClient)
		}
		f.register(newClient).assertWait(t, "60")
		assert.Equal(t, "limit_registrations", f.lastEvent(t).Reason)
		f.clock.Advance(time.Minute)
		f.registerOK(t, newClient)
	})
	t.Run("7591-5 with an initial access token it is not limited", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, withRegistration(func(p *engine.RegistrationPolicy) {
			p.AllowOpen, p.InitialAccessTokens = false, []model.Digest{model.DigestOf("initial")}
		}), rate)
		for range 4 {
			assert.Equal(t, http.StatusCreated, f.do(registration(http.MethodPost, "", "initial", newClient)).Code)
		}
	})
}

func TestLimitDeviceCodes(t *testing.T) {
	t.Parallel()
	f := deviceFixture(t, func(c *engine.Config) { c.RateLimits.DeviceCodes = model.Rate{Interval: time.Minute, Burst: 2} })
	f.device("tv", "", "scope=nonsense").assertError(t, http.StatusBadRequest, engine.CodeInvalidScope)
	f.codes(t)
	assert.Equal(t, http.StatusOK, f.device("tv2", "", "scope=read").Code)
	f.device("tv", "", "scope=read").assertWait(t, "60") // whichever the client
	assert.Equal(t, "limit_device_codes", f.lastEvent(t).Reason)
	for range 3 {
		assert.Equal(t, http.StatusOK, f.device("box", "b0x", "scope=read").Code, "a client that proves who it is answers for itself")
	}
	f.clock.Advance(time.Minute)
	f.codes(t)
}

// unreadable is a body that must not be read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("read")
}

func (u unreadable) Close() error { return nil }

// What an address is: no header decides, and of IPv6 the /64 counts.
func TestLimitAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, a, b string
		same       bool
	}{
		{"the port does not count", "192.0.2.7:1", "192.0.2.7:2", true},
		{"two addresses", "192.0.2.7:1", "192.0.2.8:1", false},
		{"one /64", "[2001:db8:0:1::5]:1", "[2001:db8:0:1:ffff::6]:2", true},
		{"two /64", "[2001:db8:0:1::5]:1", "[2001:db8:0:2::5]:1", false},
		{"IPv4 in IPv6", "[::ffff:192.0.2.7]:1", "192.0.2.7:1", true},
		{"the zone does not count", "[fe80::1%eth0]:1", "[fe80::1%eth1]:1", true},
		{"no address", "@", "@", true},
		{"none at all is not limited by address", "", "", false},
	}
	for _, tt := range tests {
		for _, own := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, own function %t", tt.name, own), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, few, func(c *engine.Config) {
					c.RateLimits.Address.Burst = 1
					if own {
						c.ClientAddress = func(r *http.Request) string { return r.Header.Get("X-Real-Ip") }
					}
				})
				send := func(address string) int {
					r := get(az())
					r.Header.Set("X-Forwarded-For", fmt.Sprint(time.Now().UnixNano()))
					if own {
						r.Header.Set("X-Real-Ip", address)
					} else {
						r.RemoteAddr = address
					}
					return f.do(r).Code
				}
				require.Equal(t, http.StatusOK, send(tt.a))
				assert.Equal(t, tt.same, send(tt.b) == http.StatusTooManyRequests)
			})
		}
	}
}

// limiterFunc is a limiter of a test.
type limiterFunc func(ctx context.Context, key string, n int) (time.Duration, error)

func (l limiterFunc) Take(ctx context.Context, key string, n int, _ model.Rate, _ time.Time) (time.Duration, error) {
	return l(ctx, key, n)
}

func TestLimiterOfTheApplication(t *testing.T) {
	t.Parallel()
	with := func(l limiterFunc) func(*engine.Config) {
		return func(c *engine.Config) { c.Limits = l }
	}
	for name, l := range map[string]limiterFunc{
		"fails": func(context.Context, string, int) (time.Duration, error) {
			return time.Hour, errors.New("limiter down")
		},
		"panics": func(context.Context, string, int) (time.Duration, error) { panic("limiter down") },
	} {
		t.Run("one that "+name+" lets through and is reported", func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, with(l))
			assert.Equal(t, http.StatusOK, f.token("conf", "s3cret", "client_credentials", "scope=read").Code)
			assert.Contains(t, f.logs.String(), "limiter down")
			assert.Contains(t, f.logs.String(), "level=ERROR")
			assert.Contains(t, f.logs.String(), "reason=limits")
		})
	}
	t.Run("one that fails because the client hung up is not reported", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f := newFixture(t, with(func(ctx context.Context, _ string, _ int) (time.Duration, error) { return 0, ctx.Err() }))
		_, err := f.srv.AuthorizeRequest(get(az("client_id=ghost")).WithContext(ctx))
		require.Error(t, err)
		assert.NotContains(t, f.logs.String(), "reason=limits")
	})
	t.Run("keys are short and hold no secret", func(t *testing.T) {
		t.Parallel()
		var mu sync.Mutex
		var keys []string
		f := newFixture(t, with(func(_ context.Context, key string, _ int) (time.Duration, error) {
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, key)
			return 0, nil
		}))
		f.token("conf", "s3cret", "client_credentials", "scope=read")
		f.token(strings.Repeat("x", 2000), "guess", "client_credentials")
		f.token("a\x00b", "guess", "client_credentials")
		assert.Equal(t, []string{"token address 192.0.2.1", "secret conf 192.0.2.1", "token client conf"}, keys[:3])
		for _, key := range keys {
			assert.LessOrEqual(t, len(key), 512)
			assert.NotContains(t, key, "s3cret")
			assert.NotContains(t, key, "guess")
			assert.NotContains(t, key, "\x00")
		}
	})
	t.Run("limits that are off ask nobody", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, with(func(context.Context, string, int) (time.Duration, error) { panic("asked") }), func(c *engine.Config) {
			off := model.Rate{Interval: -1}
			c.RateLimits = engine.RateLimits{Address: off, Client: off, Failures: off}
		})
		assert.Equal(t, http.StatusOK, f.token("conf", "s3cret", "client_credentials", "scope=read").Code)
		f.token("conf", "wrong", "client_credentials").assertError(t, http.StatusUnauthorized, engine.CodeInvalidClient)
		assert.NotContains(t, f.logs.String(), "level=ERROR")
	})
}

// The defaults are not met by what clients do, only by who guesses.
func TestLimitDefaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 3000 {
		require.Equal(t, http.StatusOK, f.machine("conf", "s3cret", "192.0.2.7:1").Code)
	}
	for range 20 {
		f.machine("conf", "wrong", "192.0.2.7:1").assertError(t, http.StatusUnauthorized, engine.CodeInvalidClient)
	}
	f.machine("conf", "wrong", "192.0.2.7:1").assertWait(t, "6")
	c := f.srv.Config().RateLimits
	assert.Equal(t, model.Rate{Interval: time.Millisecond, Burst: 20000}, c.Address)
	assert.Equal(t, c.Address, c.Client)
	assert.Equal(t, model.Rate{Interval: 6 * time.Second, Burst: 20}, c.Failures)
}
