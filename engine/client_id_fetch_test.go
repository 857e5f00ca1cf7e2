package engine_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// unavailable is the answer when it is not known what the document says.
const unavailable = "temporarily_unavailable"

func TestClientIDDocumentAddresses(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{
		"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "fd00:ec2::254", "fe80::1", "ff02::1", "2001:db8::1",
	} {
		t.Run("CIMD-6 "+addr, func(t *testing.T) {
			t.Parallel()
			h := newDocumentHost(t)
			h.addrs = []string{addr}
			// Loopback hosts being allowed opens no door to others.
			for _, mod := range []func(*engine.ClientIDDocumentPolicy){func(*engine.ClientIDDocumentPolicy) {}, allowLoopback} {
				f := newFixture(t, h.policy(mod))
				f.assertNoClient(t, http.StatusServiceUnavailable, unavailable, "special use")
				assert.Empty(t, h.dialled)
			}
		})
	}
	t.Run("CIMD-6 of several addresses only the public ones are dialled, as IPv4 where they are", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		h.addrs = []string{"127.0.0.1", "::ffff:93.184.216.34", "10.0.0.1"}
		newFixture(t, h.policy()).code(t, byDocument()...)
		assert.Equal(t, []string{"93.184.216.34:443"}, h.dialled)
	})
	t.Run("CIMD-6 a resolver that changes its answer is asked once, and what it said is dialled", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		var mu sync.Mutex
		asked := 0
		f := newFixture(t, h.policy(func(p *engine.ClientIDDocumentPolicy) {
			p.LookupIP = func(context.Context, string) ([]netip.Addr, error) {
				mu.Lock()
				defer mu.Unlock()
				asked++
				if asked == 1 {
					return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
				}
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
		}))
		f.code(t, byDocument()...)
		assert.Equal(t, 1, asked)
		assert.Equal(t, []string{"93.184.216.34:443"}, h.dialled)
		// The next fetch looks again.
		f.clock.Advance(time.Hour)
		f.assertNoClient(t, http.StatusServiceUnavailable, unavailable, "special use")
		assert.Len(t, h.dialled, 1)
	})
	t.Run("CIMD-6 loopback for development: any port, and only loopback addresses", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy(allowLoopback))
		id := "https://127.0.0.1:8443/app.json"
		h.serve(appDocument(map[string]any{"client_id": id}))
		f.code(t, byDocument("client_id="+id)...)
		assert.Equal(t, []string{"127.0.0.1:8443"}, h.dialled)
		h.addrs = []string{"93.184.216.34", "192.168.0.1"}
		f.assertNoClient(t, http.StatusServiceUnavailable, unavailable, "special use", "client_id=https://localhost/app.json")
		assert.Len(t, h.dialled, 1)
	})
	t.Run("CIMD-6 at most three addresses are tried", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		h.addrs = []string{"8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4", "8.8.8.5"}
		var dialled []string
		f := newFixture(t, h.policy(func(p *engine.ClientIDDocumentPolicy) {
			p.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
				dialled = append(dialled, address)
				return nil, errors.New("refused by the test")
			}
		}))
		f.assertNoClient(t, http.StatusServiceUnavailable, unavailable, "refused by the test")
		assert.Equal(t, []string{"8.8.8.1:443", "8.8.8.2:443", "8.8.8.3:443"}, dialled)
	})
	t.Run("CIMD-6 the host proves who it is", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy())
		f.assertNoClient(t, http.StatusServiceUnavailable, unavailable, "certificate", "client_id=https://other.test/app.json")
		g := newFixture(t, h.policy(func(p *engine.ClientIDDocumentPolicy) { p.RootCAs = nil }))
		g.assertNoClient(t, http.StatusServiceUnavailable, unavailable, "certificate")
		assert.Zero(t, h.fetches.Load())
	})
}

func allowLoopback(p *engine.ClientIDDocumentPolicy) { p.AllowLoopback = true }

func TestClientIDDocumentAnswers(t *testing.T) {
	t.Parallel()
	good := appDocument(nil)
	answer := func(status int, contentType, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	padded := func(size int) string { return good + strings.Repeat(" ", size-len(good)) }
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		status int // zero: it is good
		why    string
	}{
		{"application/json", answer(200, "application/json; charset=utf-8", good), 0, ""},
		{"a type of its own in JSON", answer(200, "application/client-metadata+json", good), 0, ""},
		{"as large as may be", answer(200, "application/json", padded(5120)), 0, ""},
		{"one byte more", answer(200, "application/json", padded(5121)), 400, "larger than 5120"},
		{"without end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for {
				if _, err := w.Write([]byte(strings.Repeat(" ", 1024))); err != nil {
					return
				}
			}
		}, 400, "larger than 5120"},
		{"packed", answer(200, "application/json", "\x1f\x8b\x08", "Content-Encoding", "gzip"), 400, "not a JSON object"},
		{"HTML", answer(200, "text/html", good), 400, "content type"},
		{"no type", answer(200, "", good), 400, "content type"},
		{"javascript", answer(200, "text/json", good), 400, "content type"},
		{"not JSON", answer(200, "application/json", "hello"), 400, "not a JSON object"},
		{"two documents", answer(200, "application/json", good+good), 400, "not a JSON object"},
		{"a list", answer(200, "application/json", "["+good+"]"), 400, "not a JSON object"},
		{"null", answer(200, "application/json", "null"), 400, "not a JSON object"},
		{"empty", answer(200, "application/json", ""), 400, "not a JSON object"},
		{"not UTF-8", answer(200, "application/json", "{\"a\":\"\xff\"}"), 400, "not a JSON object"},
		{"redirect", answer(302, "application/json", good, "Location", "https://example.com/other.json"), 503, "answers 302"},
		{"redirect to an internal address", answer(307, "application/json", good, "Location", "http://169.254.169.254/"), 503, "answers 307"},
		{"other success", answer(203, "application/json", good), 503, "answers 203"},
		{"created", answer(201, "application/json", good), 503, "answers 201"},
		{"not found", answer(404, "application/json", good), 400, "answers 404"},
		{"gone", answer(410, "application/json", good), 400, "answers 410"},
		{"error", answer(500, "application/json", good), 503, "answers 500"},
		{"large header", answer(200, "application/json", good, "X-Large", strings.Repeat("a", 64<<10)), 503, "client_document"},
	} {
		t.Run("CIMD-4+CIMD-6 "+tt.name, func(t *testing.T) {
			t.Parallel()
			h := newDocumentHost(t)
			h.handle(tt.answer)
			f := newFixture(t, h.policy())
			if tt.status == 0 {
				f.code(t, byDocument()...)
				return
			}
			code := "invalid_client"
			if tt.status == 503 {
				code = unavailable
			}
			f.assertNoClient(t, tt.status, code, tt.why)
			assert.EqualValues(t, 1, h.fetches.Load(), "nothing is followed")
			// A failure is not kept (section 4.4).
			h.serve(good)
			f.code(t, byDocument()...)
			assert.EqualValues(t, 2, h.fetches.Load())
		})
	}
	t.Run("CIMD-6 the request carries nothing of this server", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		got := make(chan *http.Request, 2)
		h.handle(func(w http.ResponseWriter, r *http.Request) {
			got <- r
			answer(200, "application/json", good, "Set-Cookie", "a=b")(w, r)
		})
		f := newFixture(t, h.policy())
		f.code(t, byDocument()...)
		f.clock.Advance(time.Hour)
		f.code(t, byDocument()...)
		for range 2 {
			r := <-got
			assert.Equal(t, http.Header{"Accept": {"application/json"}, "User-Agent": {"gin-oauth-server"}, "Connection": {"close"}}, r.Header)
			assert.Equal(t, http.MethodGet, r.Method)
		}
	})
	t.Run("CIMD-4 a fault of the network at the token endpoint is no refusal", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		h.handle(answer(502, "", ""))
		newFixture(t, h.policy()).token(docID, "", "refresh_token", "refresh_token=x").assertError(t, 503, unavailable)
	})
	t.Run("CIMD-6 a resolver that panics", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t, newDocumentHost(t).policy(func(p *engine.ClientIDDocumentPolicy) {
			p.LookupIP = func(context.Context, string) ([]netip.Addr, error) { panic("by the test") }
		}))
		f.assertNoClient(t, 503, unavailable, "client_document")
		assert.Equal(t, engine.EventFault, f.lastEvent(t).Type, "that is the application's")
	})
}

// pipeHost serves TLS at the other end of a pipe, so that time can be virtual.
func pipeHost(cert tls.Certificate, serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = theirs.Close() }()
			serve(tls.Server(theirs, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}))
		}()
		return ours, nil
	}
}

func TestClientIDDocumentTime(t *testing.T) {
	t.Parallel()
	cert := newDocumentHost(t).ts.TLS.Certificates[0]
	for name, serve := range map[string]func(net.Conn){
		"a host that says nothing": func(c net.Conn) {
			_ = c.(*tls.Conn).Handshake()
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Read(make([]byte, 1)) // until the other end goes
		},
		"a host that sends a byte a second": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
			go func() { _, _ = io.Copy(io.Discard, c) }()
			for {
				if _, err := c.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		},
	} {
		t.Run("CIMD-6 "+name, func(t *testing.T) {
			t.Parallel()
			h := newDocumentHost(t)
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, h.policy(func(p *engine.ClientIDDocumentPolicy) { p.Dial = pipeHost(cert, serve) }))
				start := time.Now()
				f.assertNoClient(t, 503, unavailable, "client_document")
				assert.Equal(t, 5*time.Second, time.Since(start))
				time.Sleep(time.Minute) // the host's end sees it, too
			})
		})
	}
	t.Run("CIMD-6 an address that does not answer", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		synctest.Test(t, func(t *testing.T) {
			h.addrs = []string{"8.8.8.1"}
			f := newFixture(t, h.policy(func(p *engine.ClientIDDocumentPolicy) {
				p.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
			}))
			start := time.Now()
			f.assertNoClient(t, 503, unavailable, "deadline exceeded")
			assert.Equal(t, 2*time.Second, time.Since(start))
		})
	})
	t.Run("CIMD-6 parallel requests share one fetch, and one that gives up does not end it", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		f := newFixture(t, h.policy())
		arrived, release := make(chan struct{}), make(chan struct{})
		h.handle(func(w http.ResponseWriter, _ *http.Request) {
			close(arrived)
			<-release
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(appDocument(nil)))
		})
		gone, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := f.srv.AuthorizeRequest(get(az(byDocument()...)).WithContext(gone))
			assert.ErrorIs(t, err, context.Canceled)
		})
		<-arrived
		for range 8 {
			wg.Go(func() { assert.Equal(t, http.StatusOK, f.do(get(az(byDocument()...))).Code) })
		}
		cancel()
		close(release)
		wg.Wait()
		assert.EqualValues(t, 1, h.fetches.Load())
	})
	// slow is a fixture whose hosts are never found, and n requests to each of as
	// many hosts that wait for them.
	slow := func(t *testing.T, h *documentHost, hosts, n int) (*fixture, *sync.WaitGroup) {
		t.Helper()
		f := newFixture(t, h.policy(func(p *engine.ClientIDDocumentPolicy) {
			lookup := h.lookup
			p.LookupIP = func(ctx context.Context, host string) ([]netip.Addr, error) {
				if strings.HasPrefix(host, "slow") {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return lookup(ctx, host)
			}
		}))
		wg := new(sync.WaitGroup)
		for i := range hosts * n {
			wg.Go(func() { f.do(get(az(byDocument(fmt.Sprintf("client_id=https://slow%d.test/%d", i%hosts, i))...))) })
		}
		synctest.Wait()
		return f, wg
	}
	t.Run("CIMD-6 at most 32 fetches at a time", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		synctest.Test(t, func(t *testing.T) {
			f, wg := slow(t, h, 8, 4)
			f.assertNoClient(t, 503, unavailable, "too many documents")
			wg.Wait()
			f.assertNoClient(t, 503, unavailable, "deadline exceeded", "client_id=https://slow.test/")
		})
	})
	t.Run("CIMD-6 at most four of one host", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		synctest.Test(t, func(t *testing.T) {
			f, wg := slow(t, h, 1, 4)
			f.assertNoClient(t, 503, unavailable, "too many documents", "client_id=https://slow0.test/one-more")
			f.assertNoClient(t, 503, unavailable, "certificate", "client_id=https://other.test/")
			wg.Wait()
			f.assertNoClient(t, 503, unavailable, "deadline exceeded", "client_id=https://slow0.test/one-more")
		})
	})
	t.Run("CIMD-6 a host that does not answer is no fault of the server", func(t *testing.T) {
		t.Parallel()
		h := newDocumentHost(t)
		h.addrs = nil
		f := newFixture(t, h.policy())
		f.assertNoClient(t, 503, unavailable, "no address")
		assert.Equal(t, engine.EventRefused, f.lastEvent(t).Type)
		assert.NotContains(t, f.logs.String(), "level=ERROR")
		assert.Contains(t, f.logs.String(), "level=INFO")
	})
}
