package engine

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (f *form) values() url.Values {
	v := url.Values{}
	for _, p := range f.params {
		v.Add(p.name, p.value)
	}
	return v
}

func TestFormScan(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat("resource=1&", maxParams), "&")
	tests := []struct {
		name, text string
		want       url.Values // nil: refused
		repeated   string
	}{
		{"nothing", "", url.Values{}, ""},
		{"separators only", "&&&", url.Values{}, ""},
		{"a name without value", "a", url.Values{"a": {""}}, ""},
		{"a value without name", "=b", url.Values{"": {"b"}}, ""},
		{"only the first equals sign separates", "a=b=c", url.Values{"a": {"b=c"}}, ""},
		{"plus and percent", "a+b=c%20d%2Bx", url.Values{"a b": {"c d+x"}}, ""},
		{"escapes in small letters", "a=%c3%a9", url.Values{"a": {"é"}}, ""},
		{"bytes that are not UTF-8", "a=%ff%00", url.Values{"a": {"\xff\x00"}}, ""},
		{"a separator in an escape separates nothing", "a=b%26c%3Dd", url.Values{"a": {"b&c=d"}}, ""},
		{"6749-3.1 a repeat", "a=1&b=2&a=1", url.Values{"a": {"1", "1"}, "b": {"2"}}, "a"},
		{"6749-3.1 a repeat that is spelt in another way", "code=1&c%6fde=2", url.Values{"code": {"1", "2"}}, "code"},
		{"6749-3.1 the first of several repeats", "a=1&b=1&b=2&a=2", url.Values{"a": {"1", "2"}, "b": {"1", "2"}}, "b"},
		{"8707-2 resource may repeat", "resource=a&resource=b", url.Values{"resource": {"a", "b"}}, ""},
		{"K18 brackets are part of a name", "code[$ne]=x&code[]=y", url.Values{"code[$ne]": {"x"}, "code[]": {"y"}}, ""},
		{"as many as there may be", many, url.Values{"resource": repeat("1", maxParams)}, ""},
		{"one too many", many + "&x=1", nil, ""},
		{"semicolon", "a=1;b=2", nil, ""},
		{"semicolon in a name", "a;b=2", nil, ""},
		{"broken escape", "a=%zz", nil, ""},
		{"escape cut off", "a=%", nil, ""},
		{"escape cut off by the separator", "a=%2&b=1", nil, ""},
		{"broken escape in a name", "%x=1", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var f form
			err := f.scan(tt.text)
			if tt.want == nil {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, f.values())
			assert.Equal(t, tt.repeated, f.repeated)
			for name, values := range tt.want {
				assert.True(t, f.has(name))
				assert.Equal(t, len(values), f.count(name))
				assert.Equal(t, values[0], f.get(name))
			}
			assert.False(t, f.has("absent"))
			assert.Zero(t, f.count("absent"))
			assert.Empty(t, f.get("absent"))
			// The same form, had it been parsed by somebody else before.
			var g form
			require.NoError(t, g.fromValues(tt.want))
			assert.Equal(t, tt.want, g.values())
			assert.Equal(t, tt.repeated == "", g.repeated == "")
		})
	}
}

func repeat(s string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}

// FuzzFormScan: the scanner agrees with url.ParseQuery on what is a form and on
// what it says.
func FuzzFormScan(f *testing.F) {
	for _, seed := range []string{"", "a=1&b=2", "a=%20+%2B&a", "=&=&", "a=%zz", "a;b", "%=1", "a=b=c&%41=x", "é=\xff&&x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got form
		err := got.scan(text)
		if strings.Count(text, "&") >= 1000 {
			return // url.ParseQuery has a limit of its own, which counts empty pairs
		}
		want, wantErr := url.ParseQuery(text)
		if errors.Is(err, errManyParams) {
			if strings.Count(text, "&") < maxParams {
				t.Fatalf("%q has no more than %d parameters", text, maxParams)
			}
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: scan says %v, url.ParseQuery %v", text, err, wantErr)
		}
		if err != nil {
			return
		}
		if g, w := got.values().Encode(), want.Encode(); g != w {
			t.Fatalf("%q: scan reads %s, url.ParseQuery %s", text, g, w)
		}
		repeats := false
		for name, values := range want {
			repeats = repeats || len(values) > 1 && name != "resource"
			if got.get(name) != values[0] || got.count(name) != len(values) {
				t.Fatalf("%q: %q reads %q × %d", text, name, got.get(name), got.count(name))
			}
		}
		if repeats != (got.repeated != "" || got.count("") > 1) {
			t.Fatalf("%q: repeated is %q", text, got.repeated)
		}
	})
}

func bodyRequest(body io.Reader, length int64) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ContentLength = length
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestReadForm(t *testing.T) {
	t.Parallel()
	s := newProcess(nil, nil, nil, nil)
	s.buffers.New = func() any { b := make([]byte, 16); return &b }
	big := "a=" + strings.Repeat("x", maxBody-2)
	type request = func() *http.Request
	of := func(body string, length int64) request {
		return func() *http.Request { return bodyRequest(strings.NewReader(body), length) }
	}
	tests := []struct {
		name    string
		request request
		status  int // 0: read
		want    string
	}{
		{"a body of known length", of("a=1234567890123456789", 21), 0, "1234567890123456789"},
		{"a body of unknown length", of("a=1234567890123456789", -1), 0, "1234567890123456789"},
		{"one byte at a time", func() *http.Request { return bodyRequest(iotest.OneByteReader(strings.NewReader("a=12")), -1) }, 0, "12"},
		{"data and end together", func() *http.Request { return bodyRequest(iotest.DataErrReader(strings.NewReader("a=12")), -1) }, 0, "12"},
		{"no body", func() *http.Request { r := bodyRequest(nil, 0); r.Body = nil; return r }, 0, ""},
		{"64 kB", of(big, int64(len(big))), 0, big[2:]},
		{"more than 64 kB, announced", of("a=1", maxBody+1), http.StatusRequestEntityTooLarge, ""},
		{"more than 64 kB, not announced", of(big+"x", -1), http.StatusRequestEntityTooLarge, ""},
		{"more than an earlier limit allows", func() *http.Request {
			r := bodyRequest(strings.NewReader(big), -1)
			r.Body = http.MaxBytesReader(nil, r.Body, 100)
			return r
		}, http.StatusRequestEntityTooLarge, ""},
		{"a body that breaks off", func() *http.Request {
			return bodyRequest(io.MultiReader(strings.NewReader("a=1"), iotest.ErrReader(errors.New("reset"))), -1)
		}, http.StatusBadRequest, ""},
		{"M16 no content type", func() *http.Request {
			r := bodyRequest(strings.NewReader("a=1"), 3)
			r.Header.Del("Content-Type")
			return r
		}, http.StatusBadRequest, ""},
		{"M16 two content types", func() *http.Request {
			r := bodyRequest(strings.NewReader("a=1"), 3)
			r.Header.Add("Content-Type", "text/plain")
			return r
		}, http.StatusBadRequest, ""},
		{"M16 a longer media type", func() *http.Request {
			r := bodyRequest(strings.NewReader("a=1"), 3)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded2")
			return r
		}, http.StatusBadRequest, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var f form
			e := s.readForm(tt.request(), &f)
			if tt.status != 0 {
				require.NotNil(t, e)
				assert.Equal(t, tt.status, e.HTTPStatus())
				assert.Equal(t, CodeInvalidRequest, e.Code)
				return
			}
			require.Nil(t, e)
			assert.Equal(t, tt.want, f.get("a"))
		})
	}
}

// FuzzBearerHeader: what is read out of a header is a b64token behind the scheme
// Bearer, and nothing else is.
func FuzzBearerHeader(f *testing.F) {
	for _, seed := range []string{"", "Bearer abc", "bearer  a-._~+/1==", "Bearer", "Bearer ", "Bearer a b", "Basic YTpi", "Bearer\ta", "BEARER =", "Bearer a=b"} {
		f.Add(seed)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
	f.Fuzz(func(t *testing.T, header string) {
		token, e := readBearerHeader(header)
		scheme, rest, _ := strings.Cut(header, " ")
		rest = strings.TrimLeft(rest, " ")
		unpadded := strings.TrimRight(rest, "=")
		good := strings.EqualFold(scheme, "Bearer") && len(scheme) == 6 && unpadded != "" && strings.Trim(unpadded, alphabet) == ""
		switch {
		case good && (e != nil || token != rest):
			t.Fatalf("%q: got %q, %v", header, token, e)
		case !good && token != "":
			t.Fatalf("%q: got %q", header, token)
		}
	})
}

// FuzzVerifier: the form of a verifier and of a challenge is that of RFC 7636,
// section 4.1.
func FuzzVerifier(f *testing.F) {
	for _, seed := range []string{"", strings.Repeat("a", 42), strings.Repeat("~", 43), strings.Repeat(".", 128), strings.Repeat("-", 129), strings.Repeat("é", 30)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := len(s) >= 43 && len(s) <= 128
		for _, r := range s {
			want = want && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
		}
		if isVerifier(s) != want {
			t.Fatalf("isVerifier(%q) = %v", s, !want)
		}
	})
}
