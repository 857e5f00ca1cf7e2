//go:build unix

package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// conn is one keep-alive connection, which carries one request at a time.
type conn struct {
	fd      int
	session workload.Session
	host    string
	out, in []byte
	request workload.Request
	answer  workload.Answer
	started time.Time // when the operation began; zero between two operations
	waiting bool
}

// send writes the next request. Requests are far smaller than a socket's buffer.
func (c *conn) send(now time.Time) error {
	if c.started.IsZero() {
		c.started = now
	}
	c.session.Next(&c.request)
	c.out = appendRequest(c.out[:0], &c.request, c.host)
	n, err := unix.Write(c.fd, c.out)
	if err != nil || n < len(c.out) {
		return fmt.Errorf("load: sent %d of %d bytes of a request: %w", n, len(c.out), err)
	}
	c.in, c.waiting = c.in[:0], true
	return nil
}

func appendRequest(b []byte, r *workload.Request, host string) []byte {
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, r.Path...)
	if r.Query != "" {
		b = append(b, '?')
		b = append(b, r.Query...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	if r.Authorization != "" {
		b = append(b, "\r\nAuthorization: "...)
		b = append(b, r.Authorization...)
	}
	if r.Form != "" {
		b = append(b, "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.Form)), 10)
	}
	b = append(b, "\r\n\r\n"...)
	return append(b, r.Form...)
}

// receive reads what has come and reports whether the answer is complete.
func (c *conn) receive() (bool, error) {
	n, err := unix.Read(c.fd, c.in[len(c.in):cap(c.in)])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("load: read an answer: %w", err)
	case n == 0:
		return false, fmt.Errorf("load: the server closed the connection or the answer is too long: %.200q", c.in)
	}
	c.in = c.in[:len(c.in)+n]
	done, err := parse(c.in, &c.answer)
	if done {
		c.waiting = false
	}
	return done, err
}

// parse reads an answer of HTTP/1.1 and reports whether it is complete.
func parse(b []byte, a *workload.Answer) (bool, error) {
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		return false, nil
	}
	first, lines, _ := bytes.Cut(head, []byte("\r\n"))
	if len(first) < len("HTTP/1.1 200") {
		return false, fmt.Errorf("load: an answer begins with %q", first)
	}
	status, err := strconv.Atoi(string(first[9:12]))
	if err != nil {
		return false, fmt.Errorf("load: status of an answer: %w", err)
	}
	*a = workload.Answer{Status: status}
	length, chunked := 0, false
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		if len(line) < 10 {
			continue
		}
		switch line[0] | 0x20 {
		case 'c':
			if v, ok := header(line, "content-length"); ok {
				if length, err = strconv.Atoi(string(v)); err != nil {
					return false, fmt.Errorf("load: length of an answer: %w", err)
				}
			}
		case 'l':
			if v, ok := header(line, "location"); ok {
				a.Location = string(v)
			}
		case 't':
			_, chunked = header(line, "transfer-encoding")
		}
	}
	a.Body = body
	if chunked { // the checks find what they look for between the lengths, too
		return bytes.HasSuffix(body, []byte("0\r\n\r\n")), nil
	}
	return len(body) >= length, nil
}

// header returns the value of a header if the line has this name.
func header(line []byte, lower string) ([]byte, bool) {
	if len(line) <= len(lower) || line[len(lower)] != ':' || !bytes.EqualFold(line[:len(lower)], []byte(lower)) {
		return nil, false
	}
	return bytes.TrimLeft(line[len(lower)+1:], " "), true
}
