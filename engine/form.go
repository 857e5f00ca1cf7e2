package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxBody bounds a form body, in bytes. What is larger is refused with 413.
	maxBody = 64 << 10
	// maxParams bounds the number of parameters, since each is compared with
	// those before it.
	maxParams = 64
)

// form is a scanned query or form body. Parameters are few, so it is a list
// that is searched from the front; the scan costs a fraction of what building a
// url.Values does, and it sees repeats, which OAuth forbids.
type form struct {
	params []param
	// repeated is the first parameter that came twice, if any.
	repeated string
	// space is where short forms live, so that scanning allocates nothing.
	space [8]param
}

type param struct{ name, value string }

var (
	errManyParams = errors.New("too many parameters")
	errMalformed  = errors.New("malformed form encoding")
)

// scan reads application/x-www-form-urlencoded text. It decodes like
// url.ParseQuery, but a malformed pair is an error and nothing is dropped.
func (f *form) scan(s string) error {
	f.params = f.space[:0]
	for s != "" {
		var pair string
		pair, s, _ = strings.Cut(s, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := unescape(name)
		if err != nil {
			return err
		}
		if value, err = unescape(value); err != nil {
			return err
		}
		if err := f.add(name, value); err != nil {
			return err
		}
	}
	return nil
}

// add appends a parameter and notes a repeat. RFC 6749, section 3.1: no
// parameter may come twice; resource (RFC 8707) is the one that may.
func (f *form) add(name, value string) error {
	if len(f.params) >= maxParams {
		return errManyParams
	}
	if f.repeated == "" && name != "resource" && f.has(name) {
		f.repeated = name
	}
	f.params = append(f.params, param{name, value})
	return nil
}

// fromValues takes over a form that a middleware parsed before.
func (f *form) fromValues(v url.Values) error {
	f.params = f.space[:0]
	for name, values := range v {
		for _, value := range values {
			if err := f.add(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *form) has(name string) bool {
	for i := range f.params {
		if f.params[i].name == name {
			return true
		}
	}
	return false
}

// get returns the first value of the parameter. An empty value is the same as
// none (RFC 6749, section 3.1).
func (f *form) get(name string) string {
	for i := range f.params {
		if f.params[i].name == name {
			return f.params[i].value
		}
	}
	return ""
}

// all returns every value of a parameter that may repeat.
func (f *form) all(name string) []string {
	var values []string
	for i := range f.params {
		if f.params[i].name == name && f.params[i].value != "" {
			values = append(values, f.params[i].value)
		}
	}
	return values
}

// count returns how often the parameter came.
func (f *form) count(name string) int {
	n := 0
	for i := range f.params {
		if f.params[i].name == name {
			n++
		}
	}
	return n
}

// unescape decodes + and %XX. It refuses a broken escape and a raw semicolon,
// as url.ParseQuery does.
func unescape(s string) (string, error) {
	n := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", errMalformed
			}
			n++
			i += 2
		case '+':
			n++
		case ';':
			return "", errMalformed
		}
	}
	if n == 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '%':
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		case '+':
			b.WriteByte(' ')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

// readQuery scans the query of the request.
func readQuery(r *http.Request, f *form) *Error {
	return malformed(f.scan(r.URL.RawQuery))
}

// readForm scans the form body of the request, or takes the form that an
// earlier middleware parsed.
func (p *process) readForm(r *http.Request, f *form) *Error {
	if !isForm(r.Header) {
		return refuse(CodeInvalidRequest, "content_type", "The body must be application/x-www-form-urlencoded.")
	}
	if r.PostForm != nil {
		return malformed(f.fromValues(r.PostForm))
	}
	body, err := p.readBody(r)
	if err != nil {
		return err
	}
	return malformed(f.scan(body))
}

func malformed(err error) *Error {
	if err == nil {
		return nil
	}
	return refuse(CodeInvalidRequest, "malformed_form", "The parameters are malformed: "+err.Error()+".")
}

func (p *process) readBody(r *http.Request) (string, *Error) {
	if r.Body == nil {
		return "", nil
	}
	if r.ContentLength > maxBody {
		return "", tooLarge()
	}
	var b strings.Builder
	if r.ContentLength > 0 {
		b.Grow(int(r.ContentLength))
	}
	buf := p.buffers.Get().(*[]byte)
	defer p.buffers.Put(buf)
	part := (*buf)[:cap(*buf)]
	for {
		n, err := r.Body.Read(part)
		if b.Len()+n > maxBody {
			return "", tooLarge()
		}
		b.Write(part[:n])
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			var limit *http.MaxBytesError
			if errors.As(err, &limit) {
				return "", tooLarge()
			}
			return "", refuse(CodeInvalidRequest, "unreadable_body", "The body could not be read.").because(err)
		}
	}
}

func tooLarge() *Error {
	e := refuse(CodeInvalidRequest, "body_too_large", "The body is larger than 64 kB.")
	e.Status = http.StatusRequestEntityTooLarge
	return e
}

// isForm reports whether the media type is the form one; its parameters and
// letter case do not matter.
func isForm(h http.Header) bool {
	const want = "application/x-www-form-urlencoded"
	values := h["Content-Type"]
	if len(values) != 1 {
		return false
	}
	media, _, _ := strings.Cut(values[0], ";")
	return strings.EqualFold(strings.TrimSpace(media), want)
}

// isPrintable reports whether s is made of VSCHAR (RFC 6749, appendix A), of
// which identifiers, secrets, codes and tokens consist.
func isPrintable(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < 0x20 || b > 0x7e {
			return false
		}
	}
	return true
}

// repeatedParameter refuses a request in which a parameter came twice (RFC 6749,
// sections 3.1 and 3.2).
func repeatedParameter(name string) *Error {
	return refuse(CodeInvalidRequest, "repeated_parameter", "A parameter is repeated.").because(fmt.Errorf("%q came more than once", loggable(name)))
}
