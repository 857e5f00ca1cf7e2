package introspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/engine"
	"github.com/gin-oauth/gin-oauth-server/internal/shortcache"
	"github.com/gin-oauth/gin-oauth-server/internal/uris"
	"github.com/gin-oauth/gin-oauth-server/model"
)

// Config configures a [Verifier]. Endpoint, ClientID and ClientSecret are needed.
type Config struct {
	// Endpoint is the URL of the introspection endpoint: https, or http on a
	// loopback host.
	Endpoint string
	// ClientID and ClientSecret authenticate this API by HTTP Basic.
	ClientID, ClientSecret string
	// AllowInsecureEndpoint takes plain http on other hosts too: the secret and all
	// tokens then travel in clear.
	AllowInsecureEndpoint bool

	// CacheFor is how long an answer is kept, and so how long a token may still be
	// taken after it was revoked. Defaults to 5 seconds; a negative value keeps
	// none. An answer is never kept beyond the expiry of its token.
	CacheFor time.Duration
	// CacheSize bounds how many answers are kept. Defaults to 10,000.
	CacheSize int
	// Timeout bounds one request. Defaults to 5 seconds.
	Timeout time.Duration
	// Transport sends the requests. Defaults to http.DefaultTransport. Redirects
	// are never followed: they would carry the secret elsewhere.
	Transport http.RoundTripper
	// Clock tells the time. Defaults to time.Now.
	Clock func() time.Time
}

const (
	defaultCacheFor  = 5 * time.Second
	defaultCacheSize = 10_000
	defaultTimeout   = 5 * time.Second
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 64 << 10
)

// Verifier is an [engine.TokenVerifier] that asks the authorization server. It
// is safe for concurrent use.
type Verifier struct {
	cfg    Config
	client *http.Client
	// cache has the answers by the digest of their token; nil is one that is not
	// active.
	cache  *shortcache.Cache[model.Digest, *model.Token]
	flight flight
}

var _ engine.TokenVerifier = (*Verifier)(nil)

// New returns a verifier. All problems of the configuration are returned at
// once, joined in one error.
func New(cfg Config) (*Verifier, error) {
	var errs []error
	u, err := url.Parse(cfg.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Fragment != "" || u.User != nil:
		errs = append(errs, fmt.Errorf("introspect: Config.Endpoint %q must be the URL of an introspection endpoint", cfg.Endpoint))
	case u.Scheme == "http" && !uris.IsLoopback(u.Hostname()) && !cfg.AllowInsecureEndpoint:
		errs = append(errs, fmt.Errorf("introspect: Config.Endpoint %q must use https: the secret and all tokens travel there", cfg.Endpoint))
	}
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		errs = append(errs, errors.New("introspect: Config.ClientID and ClientSecret are missing: register this API as a client that is a resource server"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	setDefault(&cfg.CacheFor, defaultCacheFor)
	setDefault(&cfg.CacheSize, defaultCacheSize)
	setDefault(&cfg.Timeout, defaultTimeout)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Verifier{
		cfg: cfg,
		client: &http.Client{
			Transport:     cfg.Transport,
			Timeout:       cfg.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		cache: shortcache.New[model.Digest, *model.Token](cfg.CacheSize),
	}, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// VerifyToken returns what the server says about the token, or
// model.ErrNotFound for one that is not active. The caller's context ends the
// wait, not the look-up, which others may be waiting for too. The result is the
// caller's own.
func (v *Verifier) VerifyToken(ctx context.Context, token string) (*model.Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key := model.DigestOf(token)
	if t, ok := v.cache.Get(key, v.cfg.Clock()); ok {
		return result(t, nil)
	}
	t, err := v.flight.do(ctx, key, func() (*model.Token, error) {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), v.cfg.Timeout)
		defer cancel()
		asked := v.cfg.Clock()
		t, err := v.ask(own, token)
		if err == nil {
			v.keep(key, t, asked)
		}
		return t, err
	})
	return result(t, err)
}

// result copies a shared answer; nil is a token that is not active.
func result(t *model.Token, err error) (*model.Token, error) {
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, model.ErrNotFound
	}
	own := *t
	return &own, nil
}

// keep keeps an answer. It may be as old as the question.
func (v *Verifier) keep(key model.Digest, t *model.Token, asked time.Time) {
	if v.cfg.CacheFor < 0 {
		return
	}
	until := asked.Add(v.cfg.CacheFor)
	if t != nil && t.AccessExpiresAt.Before(until) {
		until = t.AccessExpiresAt
	}
	v.cache.Put(key, t, asked, until, 0) // nothing is ever dropped
}

// ask sends one introspection request (RFC 7662, section 2.1). A nil token
// without an error is one that is not active.
func (v *Verifier) ask(ctx context.Context, token string) (*model.Token, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, v.cfg.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	// Both parts are form-encoded first (RFC 6749, section 2.3.1).
	r.SetBasicAuth(url.QueryEscape(v.cfg.ClientID), url.QueryEscape(v.cfg.ClientSecret))
	res, err := v.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("introspect: the authorization server cannot be asked: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("introspect: reading the answer: %w", err)
	case len(body) > maxAnswer:
		return nil, errors.New("introspect: the answer is larger than 64 kB")
	case res.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("introspect: the server refused client %q (401): check ClientID, ClientSecret, and that the client is registered for client_secret_basic", v.cfg.ClientID)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("introspect: the server answered %d", res.StatusCode)
	}
	if media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, fmt.Errorf("introspect: the answer is %q, not JSON: is Endpoint right?", res.Header.Get("Content-Type"))
	}
	return v.parse(body)
}

// answer is what is read of an introspection response (RFC 7662, section 2.2).
type answer struct {
	Active   *bool       `json:"active"`
	Subject  string      `json:"sub"`
	ClientID string      `json:"client_id"`
	Scope    string      `json:"scope"`
	Audience audience    `json:"aud"`
	Issued   json.Number `json:"iat"`
	Expires  json.Number `json:"exp"`
	Type     string      `json:"token_type"`
}

// audience is a string or a list of strings (RFC 7519, section 4.1.3).
type audience []string

// UnmarshalJSON reads either form.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

func (v *Verifier) parse(body []byte) (*model.Token, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, errors.New("introspect: the answer is not an introspection response") // its text may quote the token
	}
	switch {
	case a.Active == nil:
		return nil, errors.New("introspect: the answer has no member active")
	case !*a.Active:
		return nil, nil
	case a.Type != "" && !strings.EqualFold(a.Type, "Bearer"):
		// Bound to a key that nobody here checks.
		return nil, nil
	}
	scope, err := model.ParseScope(a.Scope)
	if err != nil {
		return nil, fmt.Errorf("introspect: the scope of the answer: %w", err)
	}
	t := &model.Token{ClientID: a.ClientID, UserID: a.Subject, Scope: scope, GrantScope: scope}
	if t.Resources, err = model.ParseResources(a.Audience...); err != nil {
		return nil, fmt.Errorf("introspect: the audience of the answer: %w", err)
	}
	t.GrantResources = t.Resources
	if t.IssuedAt, err = seconds(a.Issued); err != nil {
		return nil, err
	}
	if t.AccessExpiresAt, err = seconds(a.Expires); err != nil {
		return nil, err
	}
	if t.AccessExpiresAt.IsZero() {
		// It does not say when it ends; it will be asked about again soon.
		t.AccessExpiresAt = v.cfg.Clock().Add(max(v.cfg.CacheFor, time.Second))
	}
	t.GrantExpiresAt = t.AccessExpiresAt
	return t, nil
}

// maxSeconds is a time in the year 9999: what is beyond it is no time.
const maxSeconds = 253402300799

func seconds(n json.Number) (time.Time, error) {
	if n == "" {
		return time.Time{}, nil
	}
	f, err := n.Float64()
	if err != nil || f < 0 || f > maxSeconds {
		return time.Time{}, errors.New("introspect: a time of the answer is none")
	}
	return time.UnixMilli(int64(f * 1000)).UTC(), nil
}
