package model_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gin-oauth/gin-oauth-server/model"
)

func TestMatchRedirectURI(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		registered, sent string
		want             bool
	}{
		{"https://a.test/cb", "https://a.test/cb", true},
		{"https://a.test/cb", "https://a.test/CB", false},
		{"https://a.test/cb", "https://A.test/cb", false},
		{"https://a.test/cb", "https://a.test/cb?x=1", false},
		{"https://a.test/cb", "https://a.test:443/cb", false},
		{"https://a.test/cb", "https://a.test/cb/../cb", false},
		{"https://a.test/cb", "https://a.test/%63b", false},
		{"https://a.test/cb", "https://a.test.evil.test/cb", false},
		{"https://a.test/cb", "", false},
		{"https://127.0.0.1/cb", "https://127.0.0.1:1234/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:1234/cb", true},
		{"http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", true},
		{"http://127.0.0.1:1/cb", "http://127.0.0.1/cb", true},
		{"http://[::1]/cb", "http://[::1]:80/cb", true},
		{"http://localhost/cb?a=1", "http://localhost:80/cb?a=1", true},
		{"http://localhost", "http://localhost:80", true},
		{"http://localhost?a", "http://localhost:80?a", true},
		{"http://localhost/cb", "http://127.0.0.1/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80@evil.test/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1@evil.test/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb", false},
		{"http://localhost/cb", "http://localhost.evil.test/cb", false},
		{"http://localhost", "http://localhost:80#x", false},
		{"http://localhost/cb", "http://localhost:+80/cb", false},
		{"com.example.app:/cb", "com.example.app:/cb", true},
		{"com.example.app:/cb", "com.example.app://cb", false},
	} {
		if got := model.MatchRedirectURI(tt.registered, tt.sent); got != tt.want {
			t.Errorf("MatchRedirectURI(%q, %q) is %t", tt.registered, tt.sent, got)
		}
	}
}

func TestValidateRedirectURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"https://a.test/cb":          "",
		"https://a.test":             "",
		"https://a.test/cb?tenant=1": "",
		"http://127.0.0.1/cb":        "",
		"http://[::1]:8080/cb":       "",
		"http://localhost/cb":        "",
		"com.example.app:/cb":        "",
		"":                           "bytes long",
		"https://a.test/" + strings.Repeat("a", 2000): "bytes long",
		"https://a.test/ü":                            "URI characters",
		"https://a.test/a b":                          "URI characters",
		"https://a.test/\n":                           "URI characters",
		`https://a.test\@evil.test`:                   "URI characters",
		"https://a.test/#":                            "fragment",
		"/cb":                                         "absolute",
		"//a.test/cb":                                 "absolute",
		"https://a.test:x/":                           "absolute",
		"https://user@a.test/":                        "user information",
		"https://*.a.test/":                           "wildcards",
		"https://a.test:0/":                           "port",
		"https://a.test:65536/":                       "port",
		"https:///cb":                                 "host",
		"https:cb":                                    "host",
		"http://a.test/":                              "https",
		"http://127.0.0.2/":                           "https",
		"http://localhost.a.test/":                    "https",
		"javascript:alert(1)":                         "private-use scheme",
		"data:text/html,x":                            "private-use scheme",
		"myapp://cb":                                  "private-use scheme",
		"https://a.test/?a=%zz":                       "query",
		"https://a.test/?code=1":                      "code",
		"https://a.test/?x=1&%73tate=2":               "state",
		"https://a.test/?iss=x":                       "iss",
	} {
		err := model.ValidateRedirectURI(uri)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ValidateRedirectURI(%q): got %v, want something with %q", uri, err, want)
		}
	}
}

// FuzzMatchRedirectURI says what a match may be at most: what was registered,
// with another port on the same loopback host.
func FuzzMatchRedirectURI(f *testing.F) {
	for _, s := range []string{"https://a.test/cb", "http://127.0.0.1:80/cb", "http://[::1]/", "http://localhost?x", "com.example.app:/cb", "http://127.0.0.1:80@evil.test/"} {
		f.Add("http://127.0.0.1/cb", s)
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, registered, sent string) {
		if !model.MatchRedirectURI(registered, sent) {
			if registered == sent {
				t.Fatal("does not match itself")
			}
			return
		}
		if !model.MatchRedirectURI(sent, registered) {
			t.Errorf("%q matches %q, but not the other way", registered, sent)
		}
		if model.ValidateRedirectURI(registered) != nil || registered == sent {
			return
		}
		r, _ := url.Parse(registered)
		s, err := url.Parse(sent)
		if err != nil {
			t.Fatalf("%q matches %q, which does not parse: %v", registered, sent, err)
		}
		if s.Scheme != "http" || s.Hostname() != r.Hostname() || s.RequestURI() != r.RequestURI() || s.User != nil || s.Fragment != "" {
			t.Errorf("%q matches %q, which goes elsewhere", registered, sent)
		}
		if h := s.Hostname(); h != "127.0.0.1" && h != "::1" && h != "localhost" {
			t.Errorf("%q matches %q, which is not on loopback", registered, sent)
		}
		if err := model.ValidateRedirectURI(sent); err != nil && len(sent) <= 2000 {
			t.Errorf("%q matches %q, which could not be registered: %v", registered, sent, err)
		}
	})
}
