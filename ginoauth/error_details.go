package ginoauth

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/engine"
)

// ErrorDetails explain an error to the developer of the client.
type ErrorDetails struct {
	// Rule is the name of the rule that refused, ClientID who the request says it
	// comes from, and Cause the detail that the log has. The cause of a fault is in
	// the log only.
	Rule, ClientID, Cause string
	// Sent is what came, and Expected what would have been taken, each with its
	// difference. Characters that cannot be seen are escaped as in Go.
	Sent     string
	Expected []Difference
}

// Difference is how what was sent differs from what would have been taken. Both
// begin with Before and end with After.
type Difference struct {
	Before, Expected, Sent, After string
	// Explanation says in words what differs, if it is known.
	Explanation string
}

func newErrorDetails(r *http.Request, e *engine.Error) *ErrorDetails {
	d := &ErrorDetails{Rule: e.Reason, ClientID: visible(clientIDOf(r)), Sent: visible(e.Sent)}
	if e.Cause != nil && e.HTTPStatus() < http.StatusInternalServerError {
		d.Cause = e.Cause.Error()
	}
	for _, expected := range e.Expected {
		diff := difference(visible(expected), d.Sent)
		if e.Sent != "" {
			diff.Explanation = explain(expected, e.Sent)
		}
		d.Expected = append(d.Expected, diff)
	}
	return d
}

// clientIDOf returns who a request says it comes from.
func clientIDOf(r *http.Request) string {
	if id := r.URL.Query().Get("client_id"); id != "" {
		return id
	}
	return r.PostForm.Get("client_id") // of a form that was read, if one was
}

// visible makes every character of s one that can be seen.
func visible(s string) string {
	const most = 1024
	if len(s) > most {
		s = s[:most] + "…"
	}
	q := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// difference cuts off what two texts of ASCII have in common at both ends.
func difference(expected, sent string) Difference {
	n := 0
	for n < len(expected) && n < len(sent) && expected[n] == sent[n] {
		n++
	}
	m := 0
	for m < len(expected)-n && m < len(sent)-n && expected[len(expected)-1-m] == sent[len(sent)-1-m] {
		m++
	}
	return Difference{
		Before: expected[:n], Expected: expected[n : len(expected)-m], Sent: sent[n : len(sent)-m], After: expected[len(expected)-m:],
	}
}

// explain names what differs between two URIs.
func explain(expected, sent string) string {
	switch {
	case sent == expected+"/":
		return "What was sent has a slash more at the end."
	case sent+"/" == expected:
		return "What was sent lacks the slash at the end."
	case strings.TrimSpace(sent) == expected:
		return "What was sent has a space too much."
	case strings.EqualFold(expected, sent):
		return "Upper and lower case differ."
	}
	e, err1 := url.Parse(expected)
	s, err2 := url.Parse(sent)
	switch {
	case err1 != nil || e.Scheme == "":
		return ""
	case err2 != nil || s.Scheme == "":
		return "What was sent is no absolute URI."
	case e.Scheme == s.Scheme && e.Host == s.Host && e.Path == s.Path && e.RawQuery == s.RawQuery && s.Fragment == e.Fragment:
		return "They mean the same, but are written differently; redirect URIs are compared byte for byte."
	}
	var parts []string
	for _, p := range []struct {
		name string
		a, b string
	}{
		{"the scheme", e.Scheme, s.Scheme},
		{"the host", e.Hostname(), s.Hostname()},
		{"the port", e.Port(), s.Port()},
		{"the path", e.EscapedPath() + e.Opaque, s.EscapedPath() + s.Opaque},
		{"the query", e.RawQuery, s.RawQuery},
		{"the fragment", e.Fragment, s.Fragment},
	} {
		if p.a != p.b {
			parts = append(parts, p.name)
		}
	}
	switch n := len(parts); n {
	case 0:
		return ""
	case 1:
		return "What differs is " + parts[0] + "."
	default:
		return "What differs is " + strings.Join(parts[:n-1], ", ") + " and " + parts[n-1] + "."
	}
}
