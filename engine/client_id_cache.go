package engine

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How long a document is kept: as its headers say, within these bounds, or for
// the usual time if they say nothing. The least time lets one authorization be
// served by one fetch.
const (
	minDocumentLifetime   = time.Minute
	usualDocumentLifetime = 10 * time.Minute
	maxDocumentLifetime   = 24 * time.Hour
)

// documentLifetime reads how long an answer stays fresh (RFC 9111, section 4.2).
func documentLifetime(h http.Header, now time.Time) time.Duration {
	fresh, ok := freshness(h, now)
	if !ok {
		fresh = usualDocumentLifetime
	}
	if age, ok := deltaSeconds(h.Get("Age")); ok {
		fresh -= age
	}
	return min(max(fresh, minDocumentLifetime), maxDocumentLifetime)
}

// freshness returns the lifetime that the headers name, if they do.
func freshness(h http.Header, now time.Time) (time.Duration, bool) {
	var maxAge, shared string
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return 0, true
		case "max-age":
			maxAge = value
		case "s-maxage":
			shared = value
		}
	}
	for _, value := range [...]string{shared, maxAge} {
		if value != "" {
			d, _ := deltaSeconds(value) // what cannot be read is stale
			return d, true
		}
	}
	expires := h.Get("Expires")
	if expires == "" {
		return 0, false
	}
	at, err := http.ParseTime(expires)
	if err != nil {
		return 0, true
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return at.Sub(now), true
}

// deltaSeconds reads a number of seconds; one that is too large means long.
func deltaSeconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil && n == 0 {
		return 0, false
	}
	return min(time.Duration(n)*time.Second, maxDocumentLifetime), true
}
