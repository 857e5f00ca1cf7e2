package engine

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/internal/uris"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	maxDocument       = 5 << 10
	documentTimeout   = 5 * time.Second
	documentDialLimit = 2 * time.Second // per address
	maxDialled        = 3               // addresses tried per fetch
	maxDocuments      = 1000            // that are kept
	maxFetches        = 32              // that are under way
	maxFetchesOfHost  = 4               // of them, so that one slow host leaves room for others
)

// clientDocuments fetches client ID metadata documents and keeps them for a
// while. It is safe for concurrent use.
type clientDocuments struct {
	policy ClientIDDocumentPolicy
	http   *http.Client
	now    func() time.Time

	mu sync.Mutex
	// kept are the elements of recent, by client_id; recent has the latest used in
	// front and values of type *keptDocument.
	kept    map[string]*list.Element
	recent  *list.List
	fetches map[string]*documentFetch
	// hosts counts the fetches of each host.
	hosts map[string]int
}

type keptDocument struct {
	client  *model.Client
	expires time.Time
}

// documentFetch is one that is under way; client and err are set when done is
// closed.
type documentFetch struct {
	done   chan struct{}
	client *model.Client
	err    error
}

func newClientDocuments(policy ClientIDDocumentPolicy, now func() time.Time) *clientDocuments {
	if policy.LookupIP == nil {
		policy.LookupIP = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if policy.Dial == nil {
		policy.Dial = (&net.Dialer{}).DialContext
	}
	d := &clientDocuments{
		policy: policy, now: now,
		kept: map[string]*list.Element{}, recent: list.New(), fetches: map[string]*documentFetch{}, hosts: map[string]int{},
	}
	d.http = &http.Client{
		// A redirect is an answer like any other that is not 200.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			// No Proxy: it would resolve the name by itself.
			DialContext:       d.dial,
			TLSClientConfig:   &tls.Config{RootCAs: policy.RootCAs, MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true,
			// What is unpacked could be larger than what is sent.
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
		},
	}
	return d
}

// errPanic is that of a policy function.
var errPanic = errors.New("panic")

// notFetched is the answer when it is not known whether there is such a client;
// the request may be repeated. It is no fault of this server: anybody can name a
// host that does not answer.
func notFetched(cause error) error {
	return (&Error{
		Code: CodeTemporarilyUnavailable, Status: http.StatusServiceUnavailable, Reason: "client_document",
		Description: "The metadata document of the client could not be fetched.", elsewhere: !errors.Is(cause, errPanic),
	}).because(cause)
}

// get returns the client that the document at this URL describes. Requests for
// the same document at the same time share one fetch, which goes on if one of
// them gives up.
func (d *clientDocuments) get(ctx context.Context, id string) (*model.Client, error) {
	u, err := d.policy.checkURL(id)
	if err != nil {
		return nil, err
	}
	client, fetch := d.keptOrFetch(context.WithoutCancel(ctx), id, u)
	switch {
	case client != nil:
		return client, nil
	case fetch == nil:
		return nil, notFetched(errors.New("too many documents are being fetched"))
	}
	select {
	case <-fetch.done:
		return fetch.client, fetch.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *clientDocuments) keptOrFetch(ctx context.Context, id string, u *url.URL) (*model.Client, *documentFetch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.lookup(id); c != nil {
		return c, nil
	}
	f, ok := d.fetches[id]
	host := u.Hostname()
	if !ok && len(d.fetches) < maxFetches && d.hosts[host] < maxFetchesOfHost {
		f = &documentFetch{done: make(chan struct{})}
		d.fetches[id] = f
		d.hosts[host]++
		go d.run(ctx, f, id, u)
	}
	return nil, f
}

// known returns the document if it is at hand.
func (d *clientDocuments) known(id string) (*model.Client, error) {
	if _, err := d.policy.checkURL(id); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.lookup(id); c != nil {
		return c, nil
	}
	return nil, model.ErrNotFound
}

// lookup needs the lock.
func (d *clientDocuments) lookup(id string) *model.Client {
	e, ok := d.kept[id]
	if !ok {
		return nil
	}
	doc, _ := e.Value.(*keptDocument)
	if !d.now().Before(doc.expires) {
		d.recent.Remove(e)
		delete(d.kept, id)
		return nil
	}
	d.recent.MoveToFront(e)
	return doc.client
}

// run fetches and tells those who wait. Only a valid document is kept.
func (d *clientDocuments) run(ctx context.Context, f *documentFetch, id string, u *url.URL) {
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	var keep time.Duration
	defer func() {
		// Nobody above would catch it, and those who wait would wait for ever.
		if v := recover(); v != nil {
			f.client, f.err = nil, notFetched(fmt.Errorf("%w: %v", errPanic, v))
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.fetches, id)
		host := u.Hostname()
		if d.hosts[host]--; d.hosts[host] == 0 {
			delete(d.hosts, host)
		}
		if f.client != nil {
			d.keep(f.client, d.now().Add(keep))
		}
		close(f.done)
	}()
	f.client, keep, f.err = d.fetch(ctx, id, u)
}

// keep needs the lock.
func (d *clientDocuments) keep(c *model.Client, expires time.Time) {
	d.kept[c.ID] = d.recent.PushFront(&keptDocument{client: c, expires: expires})
	if d.recent.Len() > maxDocuments {
		last := d.recent.Back()
		doc, _ := d.recent.Remove(last).(*keptDocument)
		delete(d.kept, doc.client.ID)
	}
}

// fetch reads the document (section 4 of the draft) and says how long it may be
// kept.
func (d *clientDocuments) fetch(ctx context.Context, id string, u *url.URL) (*model.Client, time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody) //nolint:gosec // dial decides where it may lead
	if err != nil {
		return nil, 0, badDocument("%w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "gin-oauth-server")
	res, err := d.http.Do(req) //nolint:gosec // dial decides where it may lead
	if err != nil {
		return nil, 0, notFetched(err)
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, 0, badDocument("the host answers %d", res.StatusCode)
	default:
		return nil, 0, notFetched(fmt.Errorf("the host answers %d; only 200 counts", res.StatusCode))
	}
	if t := res.Header.Get("Content-Type"); !isJSONType(t) {
		return nil, 0, badDocument("its content type is %q, not application/json", loggable(t))
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, 0, notFetched(err)
	case len(body) > maxDocument:
		return nil, 0, badDocument("it is larger than %d bytes", maxDocument)
	}
	client, err := d.policy.readDocument(id, body)
	return client, documentLifetime(res.Header, d.now()), err
}

func isJSONType(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json"))
}

// dial resolves the host once and connects to an address that this lookup
// returned and that is harmless: a name that resolves to something else a moment
// later leads nowhere.
func (d *clientDocuments) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	// LookupIP and Dial may be the application's, and nobody above would catch
	// their panic: this is a goroutine of the transport.
	defer func() {
		if v := recover(); v != nil {
			conn, err = nil, fmt.Errorf("%w: %v", errPanic, v)
		}
	}()
	// The transport does not end a dial together with its request.
	ctx, cancel := context.WithTimeout(ctx, documentTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	if literal, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{literal}
	} else if addrs, err = d.policy.LookupIP(ctx, host); err != nil {
		return nil, err
	}
	errs := []error{fmt.Errorf("%s has no address that may be dialled", host)}
	for _, a := range addrs {
		if !d.mayDial(host, a) {
			errs = append(errs, fmt.Errorf("%s is an address of special use", a))
			continue
		}
		if len(errs) > maxDialled {
			break
		}
		conn, err = d.dialOne(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (d *clientDocuments) dialOne(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, documentDialLimit)
	defer cancel()
	return d.policy.Dial(ctx, network, address)
}

// mayDial lets a loopback host lead to loopback addresses, where that is allowed,
// and every other host to public ones.
func (d *clientDocuments) mayDial(host string, a netip.Addr) bool {
	if uris.IsLoopback(host) {
		return d.policy.AllowLoopback && a.Zone() == "" && a.Unmap().IsLoopback()
	}
	return isPublic(a)
}
