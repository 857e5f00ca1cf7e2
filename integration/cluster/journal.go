package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind is what a client asked for.
type Kind string

// What clients ask for.
const (
	Redeem  Kind = "redeem"  // a code
	Refresh Kind = "refresh" // by a refresh token
	Revoke  Kind = "revoke"  // the grant, by its refresh token
	Use     Kind = "use"     // an access token at the API
)

// Answer is what it was told.
type Answer string

// What clients are told.
const (
	Granted Answer = "granted" // 200, with a pair where it asked for one
	Refused Answer = "refused" // invalid_grant, or invalid_token at the API
	Failed  Answer = "failed"  // 5xx
	Lost    Answer = "lost"    // no answer: whether it happened nobody told
	Odd     Answer = "odd"     // anything else
)

// A Pair is what a grant gives.
type Pair struct{ Access, Refresh string }

// An Entry is one request in a client's journal.
type Entry struct {
	Session      int   // which grant it is about
	Began, Ended int64 // numbers that count the beginnings and ends of all requests
	Instance     int   // who was asked
	Kind         Kind
	Sent         string // the code or the token
	Answer       Answer
	Pair         Pair   // of a code or a refresh that was granted
	Status       int    // 0: there was no answer
	Body         string // of an answer that is not as it should be
}

func (e Entry) String() string {
	text := fmt.Sprintf("session %d [%d..%d] %s of %s at instance %d: %s", e.Session, e.Began, e.Ended, e.Kind, short(e.Sent), e.Instance, e.Answer)
	if e.Pair != (Pair{}) {
		text += fmt.Sprintf(" %s + %s", short(e.Pair.Access), short(e.Pair.Refresh))
	}
	if e.Status != 0 {
		text += fmt.Sprintf(" (%d %s)", e.Status, e.Body)
	}
	return text
}

// short is enough of a token to tell it from others: the end, because the beginning names the grant.
func short(token string) string { return "…" + token[max(0, len(token)-6):] }

// A Journal is what clients wrote down about all their requests. Its zero value is empty.
type Journal struct {
	// Grace tells that a refresh may be repeated for as long as the journal lasts.
	Grace bool

	clock   atomic.Int64
	mu      sync.Mutex
	entries []Entry
}

// Ask writes down a request that ask makes; what it returns is completed with the times.
func (j *Journal) Ask(ask func() Entry) Entry {
	began := j.clock.Add(1)
	e := ask()
	e.Began, e.Ended = began, j.clock.Add(1)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	return e
}

// Entries are all requests so far.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

// Check returns what clients were told that they must not be, each with the whole story of its session.
func (j *Journal) Check() (wrong []string) {
	sessions := map[int][]Entry{}
	owner := map[string]int{}
	for _, e := range j.Entries() {
		sessions[e.Session] = append(sessions[e.Session], e)
		for _, token := range []string{e.Pair.Access, e.Pair.Refresh} {
			if other, ok := owner[token]; ok && other != e.Session {
				wrong = append(wrong, fmt.Sprintf("sessions %d and %d were given the same token", other, e.Session))
			}
			if token != "" {
				owner[token] = e.Session
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		s := newSession(sessions[id], j.Grace)
		if found := s.check(); len(found) > 0 {
			wrong = append(wrong, strings.Join(found, "\n")+"\n"+s.String())
		}
	}
	return wrong
}

// A session is the part of a journal that is about one grant.
type session struct {
	grace   bool
	entries []Entry // by when they began
	// asked are the requests for a pair, by what was sent.
	asked map[string][]Entry
	// mayEnd is when something began that may have revoked the grant; ended is when the first client was told something
	// by which it is known to be revoked.
	mayEnd, ended int64
}

func newSession(entries []Entry, grace bool) *session {
	s := &session{grace: grace, entries: entries, asked: map[string][]Entry{}, mayEnd: math.MaxInt64, ended: math.MaxInt64}
	slices.SortFunc(s.entries, func(a, b Entry) int { return cmp.Compare(a.Began, b.Began) })
	for _, e := range s.entries {
		if e.Kind == Redeem || e.Kind == Refresh {
			s.asked[e.Sent] = append(s.asked[e.Sent], e)
		}
	}
	for _, e := range s.entries {
		if e.Kind == Revoke || s.mayBeReplay(e) {
			s.mayEnd = min(s.mayEnd, e.Began)
		}
		if e.Kind == Revoke && e.Answer == Granted || (e.Kind == Redeem || e.Kind == Refresh) && e.Answer == Refused {
			s.ended = min(s.ended, e.Ended)
		}
	}
	return s
}

// mayBeReplay reports whether a request may have looked like somebody else's, for which the grant is revoked.
func (s *session) mayBeReplay(e Entry) bool {
	all := s.asked[e.Sent]
	switch e.Kind {
	case Redeem:
		return len(all) > 1 && e.Began != all[0].Began
	case Refresh:
		if !s.grace {
			return len(all) > 1 && e.Began != all[0].Began
		}
		// Within the grace it is a repetition, until the successor was used.
		for _, other := range all {
			for _, next := range s.asked[other.Pair.Refresh] {
				if next.Began < e.Ended {
					return true
				}
			}
		}
	}
	return false
}

func (s *session) check() (wrong []string) {
	say := func(e Entry, what string) { wrong = append(wrong, what+": "+e.String()) }
	for _, e := range s.entries {
		switch {
		case e.Answer == Odd:
			say(e, "an answer that is none")
		case e.Answer == Failed && !terse(e.Body):
			say(e, "an error that tells too much")
		case e.Answer == Granted && e.Kind != Revoke && e.Began > s.ended:
			say(e, "a revoked grant lives")
		case e.Answer == Refused && e.Kind == Revoke:
			say(e, "a revocation is never refused")
		case e.Answer == Refused && e.Ended < s.mayEnd:
			say(e, "what a client received is lost")
		}
	}
	for _, all := range s.asked {
		wrong = append(wrong, s.checkOne(all)...)
	}
	return wrong
}

// checkOne is about the requests with one code or one refresh token.
func (s *session) checkOne(all []Entry) (wrong []string) {
	var won []Entry
	refused := 0
	for _, e := range all {
		switch e.Answer {
		case Granted:
			won = append(won, e)
		case Refused:
			refused++
		}
	}
	for _, e := range won[min(1, len(won)):] {
		if e.Kind == Redeem || !s.grace {
			wrong = append(wrong, fmt.Sprintf("two won: %v", e))
		} else if e.Pair != won[0].Pair {
			wrong = append(wrong, fmt.Sprintf("a repeated refresh got another pair: %v", e))
		}
	}
	ended := slices.ContainsFunc(s.entries, func(e Entry) bool { return e.Kind == Revoke || e.Began < all[0].Began && s.mayBeReplay(e) })
	if refused == len(all) && !ended {
		wrong = append(wrong, fmt.Sprintf("nobody won: %v", all[0]))
	}
	return wrong
}

func (s *session) String() string {
	lines := make([]string, len(s.entries))
	for i, e := range s.entries {
		lines[i] = "\t" + e.String()
	}
	return strings.Join(lines, "\n")
}

// internals are words that stand in errors of databases and networks, and in no answer to a client.
var internals = []string{
	"sql", "pgx", "postgres", "maria", "redis", "driver", "dial", "tcp", "connection", "refused", "eof", "broken pipe", "reset by",
	"context", "deadline", "127.0.0.1", "localhost", "goroutine", ".go:", "panic", "oauth_", "oauth:",
}

// terse reports whether the text of an error holds nothing of the server's insides.
func terse(body string) bool {
	lower := strings.ToLower(body)
	return len(body) <= 300 && !slices.ContainsFunc(internals, func(word string) bool { return strings.Contains(lower, word) })
}
