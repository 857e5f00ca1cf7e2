package workload

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
)

// Direct sends the requests of a session to a handler without sockets. What it
// does itself costs next to nothing, so that it can count what the handler does.
type Direct struct {
	handler http.Handler
	session Session

	request Request
	answer  Answer
	r       http.Request
	w       recorder
	body    body
	header  http.Header
	url     url.URL
	auth    [1]string
}

// NewDirect returns a runner for a session.
func NewDirect(h http.Handler, s Session) *Direct {
	return &Direct{handler: h, session: s, w: recorder{header: http.Header{}}, header: http.Header{}}
}

// batch is how many operations are run between two looks at the clock.
const batch = 64

// Run runs operations for a while and returns how many.
func (d *Direct) Run(span time.Duration) (int, error) {
	stop := time.Now().Add(span)
	for n := 0; ; n += batch {
		if n > 0 && time.Now().After(stop) {
			return n, nil
		}
		if err := d.Operations(batch); err != nil {
			return n, err
		}
	}
}

// Operations runs n operations.
func (d *Direct) Operations(n int) error {
	for n > 0 {
		complete, err := d.step()
		if err != nil {
			return err
		}
		if complete {
			n--
		}
	}
	return nil
}

// step sends one request.
func (d *Direct) step() (complete bool, err error) {
	d.session.Next(&d.request)
	d.send(&d.request)
	return d.session.Done(&d.answer)
}

// send has the handler answer a request.
func (d *Direct) send(q *Request) {
	d.w.reset()
	clear(d.header)
	if q.Authorization != "" {
		d.auth[0] = q.Authorization
		d.header["Authorization"] = d.auth[:]
	}
	d.url = url.URL{Path: q.Path, RawQuery: q.Query}
	d.r = http.Request{
		Method: q.Method, URL: &d.url, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: d.header, Host: "localhost",
		RemoteAddr: "127.0.0.1:12345", Body: http.NoBody, RequestURI: q.Path,
	}
	if q.Form != "" {
		d.header["Content-Type"] = formType
		d.body.Reset(q.Form)
		d.r.Body, d.r.ContentLength = &d.body, int64(len(q.Form))
	}
	d.handler.ServeHTTP(&d.w, &d.r)
	d.answer = Answer{Status: d.w.status, Location: d.w.header.Get("Location"), Body: d.w.body}
}

var formType = []string{"application/x-www-form-urlencoded"}

// body is a request's body that can be used again.
type body struct{ strings.Reader }

func (*body) Close() error { return nil }

// recorder is a response that is kept for the check alone.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (w *recorder) reset() {
	clear(w.header)
	w.status, w.body = 0, w.body[:0]
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, b...)
	return len(b), nil
}

var _ io.ReadCloser = (*body)(nil)

// Issue asks the token endpoint for n access tokens and hands each on.
func Issue(h http.Handler, p peer.Peer, n int, each func(token string) error) error {
	session := newClientCredentials(p)
	d := NewDirect(h, session)
	for range n {
		if _, err := d.step(); err != nil {
			return fmt.Errorf("issue: %w", err)
		}
		if err := each(Member(d.answer.Body, "access_token")); err != nil {
			return err
		}
	}
	return nil
}

// IssuePairs goes through n code flows.
func IssuePairs(h http.Handler, p peer.Peer, n int) error {
	return NewDirect(h, newFlow(p, 0)).Operations(n)
}
