package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// exchange is a request and its answer, as a page shows them.
type exchange struct {
	// Title says what was done, Note what came of it.
	Title, Note string
	// Request and Answer are the messages as text.
	Request, Answer string
	// Sent and Got are their parameters, decoded.
	Sent, Got []parameter
	Status    int
	At        time.Time
	// Latest tells that nothing happened since.
	Latest bool
}

// OK reports whether the request was answered as hoped for.
func (e *exchange) OK() bool { return e.Status >= 200 && e.Status < 400 }

// StatusText is the status line without the protocol.
func (e *exchange) StatusText() string { return statusText(e.Status) }

// parameter is one name and value with what it means.
type parameter struct{ Name, Value, Meaning string }

const hidden = "••••••••"

// do sends a request of the demo client and returns the exchange and the body of
// the answer. The client's secret is not shown.
func (w *walkthrough) do(ctx context.Context, title string, r *http.Request, body string) (*exchange, []byte, error) {
	e := &exchange{Title: title, Request: requestText(r, body), At: w.now()}
	res, err := w.http.Do(r.WithContext(ctx))
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, nil, err
	}
	e.Status = res.StatusCode
	e.Answer = answerText(res, answer)
	e.Got = decodeJSON(answer)
	return e, answer, nil
}

// maxAnswer bounds what the client reads of an answer, in bytes.
const maxAnswer = 1 << 20

// addressText shows a URL with a line for each parameter.
func addressText(address string) string {
	return strings.ReplaceAll(strings.Replace(address, "?", "\n?", 1), "&", "\n&")
}

func requestText(r *http.Request, body string) string {
	var b strings.Builder
	b.WriteString(r.Method + " " + r.URL.RequestURI() + " HTTP/1.1\n")
	b.WriteString("Host: " + r.URL.Host + "\n")
	if a := r.Header.Get("Authorization"); strings.HasPrefix(a, "Basic ") {
		b.WriteString("Authorization: Basic " + hidden + "\n")
	} else if a != "" {
		b.WriteString("Authorization: " + a + "\n")
	}
	if t := r.Header.Get("Content-Type"); t != "" {
		b.WriteString("Content-Type: " + t + "\n")
	}
	if body != "" {
		b.WriteString("\n" + strings.ReplaceAll(body, "&", "\n&"))
	}
	return b.String()
}

// answerText shows the headers that matter here.
func answerText(res *http.Response, body []byte) string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 " + statusText(res.StatusCode) + "\n")
	for _, name := range [...]string{"Content-Type", "Cache-Control", "WWW-Authenticate", "X-OAuth-Scopes", "X-Accepted-OAuth-Scopes"} {
		if v := res.Header.Get(name); v != "" {
			b.WriteString(name + ": " + v + "\n")
		}
	}
	if len(body) > 0 {
		var pretty bytes.Buffer
		if json.Indent(&pretty, body, "", "  ") == nil {
			body = pretty.Bytes()
		}
		b.WriteString("\n")
		b.Write(body)
	}
	return b.String()
}

// decodeJSON returns the members of an object of scalars, in their order, with
// their meaning; members without one are left to the text.
func decodeJSON(body []byte) []parameter {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var out []parameter
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return out
		}
		var v any
		if err := dec.Decode(&v); err != nil {
			return out
		}
		key, _ := name.(string)
		meaning := meanings(key)
		switch v := v.(type) {
		case string:
			if meaning != "" {
				out = append(out, parameter{key, v, meaning})
			}
		case json.Number:
			if meaning != "" {
				out = append(out, parameter{key, v.String(), meaning})
			}
		}
	}
	return out
}

// decodeQuery returns the parameters of a query or form in their order.
func decodeQuery(query string) []parameter {
	var out []parameter
	for pair := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || name == "" {
			continue
		}
		v, err := url.QueryUnescape(raw)
		if err != nil {
			continue
		}
		out = append(out, parameter{name, v, meanings(name)})
	}
	return out
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// inProcess is the way of the demo client's requests to the server that it lives
// in: the same handlers, without a network in between. So the demo works behind
// any proxy and under any name. For another server it is http.DefaultTransport.
type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	in.Host = r.URL.Host
	in.RemoteAddr = "127.0.0.1:0"
	in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &answerWriter{header: make(http.Header)}
	t.handler.ServeHTTP(w, in)
	_ = in.Body.Close()
	if w.status == 0 {
		return nil, errors.New("the server gave no answer")
	}
	return &http.Response{
		Status: statusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answerWriter is a http.ResponseWriter that keeps the answer.
type answerWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answerWriter) Header() http.Header { return w.header }

func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *answerWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
