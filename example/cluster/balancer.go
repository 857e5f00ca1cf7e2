package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
)

// instanceHeader tells which instance answered, for who watches.
const instanceHeader = "X-Instance"

// newProxy is what stands in front of the instances: each request goes to the
// next one. It keeps Host, and tells by X-Forwarded-For where the request came
// from, whatever the request itself said.
func newProxy(addrs []string, log *slog.Logger) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme = "http"
			p.SetXForwarded()
		},
		Transport: &balancer{addrs: addrs, transport: &http.Transport{}},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Warn("proxy", "method", r.Method, "path", r.URL.Path, "err", err)
			http.Error(w, "No instance answers.", http.StatusBadGateway)
		},
	}
}

// balancer sends requests to one address after the other, and past those where
// nobody listens.
type balancer struct {
	addrs     []string
	turn      atomic.Uint64
	transport http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	if body != nil {
		defer body.Close()
	}
	var failed error
	for range b.addrs {
		addr := b.addrs[b.turn.Add(1)%uint64(len(b.addrs))]
		out := r.Clone(r.Context())
		out.URL.Host = addr
		if body != nil {
			out.Body = io.NopCloser(body) // a transport closes it, also when it has read nothing
		}
		res, err := b.transport.RoundTrip(out)
		if err == nil {
			res.Header.Set(instanceHeader, addr)
			return res, nil
		}
		failed = errors.Join(failed, err)
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" {
			break // it may have been done, so that somebody else must not do it again
		}
	}
	return nil, failed
}
