package engine_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// argumentStore writes down all that the engine passes to a store.
type argumentStore struct {
	model.Model
	told *syncBuffer
}

// note writes values in each form in which a log could have them.
func (s argumentStore) note(verb string, args ...any) {
	var b strings.Builder
	for _, a := range args {
		asJSON, _ := json.Marshal(a)
		fmt.Fprintf(&b, "%s %v %+v %#v %x %s\n", verb, a, a, a, a, asJSON)
	}
	_, _ = s.told.Write([]byte(b.String()))
}

func (s argumentStore) noteKey(verb string, key model.Key) {
	s.note(verb, base64URL(key.Grant[:]), base64URL(key.Digest[:]), hex.EncodeToString(key.Digest[:]), key)
}

func (s argumentStore) noteToken(verb string, t *model.Token) {
	if t != nil {
		s.note(verb, *t)
		s.noteKey(verb, t.AccessKey())
		s.noteKey(verb, t.RefreshKey())
	}
}

func (s argumentStore) GetClient(ctx context.Context, id string) (*model.Client, error) {
	s.note("GetClient", id)
	return s.Model.GetClient(ctx, id)
}

func (s argumentStore) SaveAuthorizationCode(ctx context.Context, code *model.AuthorizationCode) error {
	s.note("SaveAuthorizationCode", *code)
	s.noteKey("SaveAuthorizationCode", code.Key)
	return s.Model.SaveAuthorizationCode(ctx, code)
}

func (s argumentStore) GetAuthorizationCode(ctx context.Context, key model.Key) (*model.AuthorizationCode, error) {
	s.noteKey("GetAuthorizationCode", key)
	return s.Model.GetAuthorizationCode(ctx, key)
}

func (s argumentStore) RedeemAuthorizationCode(ctx context.Context, key model.Key, t *model.Token) error {
	s.noteKey("RedeemAuthorizationCode", key)
	s.noteToken("RedeemAuthorizationCode", t)
	return s.Model.RedeemAuthorizationCode(ctx, key, t)
}

func (s argumentStore) SaveToken(ctx context.Context, t *model.Token) error {
	s.noteToken("SaveToken", t)
	return s.Model.SaveToken(ctx, t)
}

func (s argumentStore) GetAccessToken(ctx context.Context, key model.Key) (*model.Token, error) {
	s.noteKey("GetAccessToken", key)
	return s.Model.GetAccessToken(ctx, key)
}

func (s argumentStore) GetRefreshToken(ctx context.Context, key model.Key) (*model.Token, error) {
	s.noteKey("GetRefreshToken", key)
	return s.Model.GetRefreshToken(ctx, key)
}

func (s argumentStore) RotateRefreshToken(ctx context.Context, key model.Key, seed [32]byte, t *model.Token) error {
	s.note("RotateRefreshToken", base64URL(seed[:]), seed)
	s.noteKey("RotateRefreshToken", key)
	s.noteToken("RotateRefreshToken", t)
	return s.Model.RotateRefreshToken(ctx, key, seed, t)
}

func (s argumentStore) RevokeAccessToken(ctx context.Context, key model.Key) error {
	s.noteKey("RevokeAccessToken", key)
	return s.Model.RevokeAccessToken(ctx, key)
}

// forms are a secret as it could stand in a log: as it is, and encoded. Of a
// code or token of the built-in form, also its secret bytes.
func forms(secret string) []string {
	encoded := func(b []byte) []string {
		return []string{hex.EncodeToString(b), strings.TrimRight(base64.StdEncoding.EncodeToString(b), "="), base64URL(b), strings.Trim(fmt.Sprintf("%d", b), "[]")}
	}
	all := append(encoded([]byte(secret)), secret, url.QueryEscape(secret))
	if len(secret) >= 64 {
		if raw, err := base64.RawURLEncoding.DecodeString(secret[len(secret)-64:]); err == nil {
			// Without the grant the text begins within a group of four.
			all = append(append(all, encoded(raw[16:])...), secret[len(secret)-42:])
		}
	}
	return all
}

// wrongs are secrets that are sent and are none; they too are nobody's business.
func wrongs() []string {
	return []string{"wrong-secret-of-conf", "wrong-password-of-alice", "wrong-verifier-0123456789-0123456789-0123456", "unknown-code-4711", "unknown-refresh-4711", "unknown-bearer-4711", "unknown-query-4711"}
}

// talk lets the fixture see every grant, every refusal that has to do with a
// secret, and every replay.
func talk(t *testing.T, f *fixture) {
	t.Helper()
	wrong := wrongs()
	// All grants.
	access, refresh := f.exchange(f.code(t, withS256, s256), "code_verifier="+verifier).tokens(t)
	f.token("conf", "s3cret", "password", "username=alice", "password=wonderland", "scope=read").tokens(t)
	f.token("conf", "s3cret", "client_credentials", "scope=read").tokens(t)
	f.token("post", "", "client_credentials", "client_secret=s3cret", "scope=read").tokens(t)
	_, refresh2 := f.refresh(refresh).tokens(t)
	f.refresh(refresh).tokens(t)
	assert.True(t, f.works(access))
	f.decide(f.page(t), "deny")
	// Refusals.
	f.token("conf", wrong[0], "client_credentials")
	f.token("post", "", "client_credentials", "client_secret="+wrong[0])
	f.token("conf", "s3cret", "password", "username=alice", "password="+wrong[1])
	f.exchange(f.code(t, withS256, s256), "code_verifier="+wrong[2])
	f.exchange(wrong[3])
	f.exchange(f.code(t), "redirect_uri=https://evil.example/cb")
	f.refresh(wrong[4])
	f.refresh(refresh2, "scope=admin")
	f.refresh(refresh2, "+refresh_token="+refresh)
	f.token("conf2", "s3cret2", "refresh_token", "refresh_token="+refresh2)
	f.resource(rs("Bearer " + wrong[5]))
	f.resource(rs("Bearer "+access), "admin")
	f.resource(rs("Basic " + access))
	r := rs("")
	r.URL.RawQuery = "access_token=" + wrong[6]
	f.resource(r)
	for _, path := range []string{"/oauth/revoke", "/oauth/introspect"} {
		r := post(path, url.Values{"token": {wrong[4]}})
		r.SetBasicAuth("conf", wrong[0])
		f.do(r)
		r = post(path, url.Values{"token": {refresh2}})
		r.SetBasicAuth("conf2", "s3cret2")
		f.do(r)
	}
	// Faults.
	for _, verb := range []string{"GetAccessToken", "GetRefreshToken", "RotateRefreshToken", "GetClient"} {
		f.store.failOn(verb, errors.New("fault of "+verb))
		f.refresh(refresh2)
		f.resource(rs("Bearer " + access))
	}
	f.store.setHook(nil)
	// Expiry and replays.
	code := f.code(t)
	f.exchange(code).tokens(t)
	f.exchange(code).assertError(t, http.StatusBadRequest, "invalid_grant")
	late := f.code(t)
	f.clock.Advance(time.Minute)
	f.exchange(late).assertError(t, http.StatusBadRequest, "invalid_grant")
	f.refresh(refresh).assertError(t, http.StatusBadRequest, "invalid_grant")
	f.refresh(refresh2).assertError(t, http.StatusBadRequest, "invalid_grant")
	f.clock.Advance(time.Hour)
	assert.False(t, f.works(access))
}

// attack-O04: whatever happens, nothing of a code, token, secret, verifier or
// password gets into the log at its most talkative, into an event, or to the
// store.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*engine.Config){
		"built-in tokens": func(*engine.Config) {},
		"with a prefix":   func(c *engine.Config) { c.TokenPrefix = "acme_" },
	} {
		t.Run("attack-O04+6749-10.3+6749-10.4+9700-4.14.2 "+name, func(t *testing.T) {
			t.Parallel()
			passed := new(syncBuffer)
			f := newFixture(t, withPassword, option, func(c *engine.Config) { c.Model = argumentStore{c.Model, passed} })
			talk(t, f)

			types := map[engine.EventType]bool{}
			var events strings.Builder
			for _, e := range f.events {
				types[e.Type] = true
				fmt.Fprintf(&events, "%v %+v %#v %v\n", e, e, e, e.Err)
			}
			require.ElementsMatch(t, []engine.EventType{
				engine.EventAuthorized, engine.EventDenied, engine.EventIssued, engine.EventReissued,
				engine.EventRefused, engine.EventReplayed, engine.EventRevoked, engine.EventFault,
			}, slices.Collect(maps.Keys(types)), "the run leaves something out")

			secrets := append([]string{"s3cret", "s3cret2", "wonderland", verifier}, wrongs()...)
			secrets = append(secrets, f.secrets...)
			require.Greater(t, len(f.secrets), 12)
			for place, told := range map[string]string{"log": f.logs.String(), "event": events.String(), "store": passed.String()} {
				require.NotEmpty(t, told)
				for _, secret := range secrets {
					for _, form := range forms(secret) {
						if strings.Contains(told, form) {
							t.Errorf("%s: %q of the secret %q", place, form, secret)
						}
					}
				}
				assert.NotContains(t, told, "Bearer ", place)
				assert.NotContains(t, told, "Basic ", place)
			}
		})
	}
}

// The search finds a secret where there is one.
func TestNoSecretIsToldFinds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	access, _ := f.tokens(t)
	told := new(syncBuffer)
	s := argumentStore{told: told}
	s.note("x", secretOf(t, access))
	found := slices.ContainsFunc(forms(access), func(form string) bool { return strings.Contains(told.String(), form) })
	assert.True(t, found)
}
