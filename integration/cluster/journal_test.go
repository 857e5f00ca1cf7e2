package cluster

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each journal is written down by hand, so that it is known what is wrong with it.
func TestJournalCheck(t *testing.T) {
	t.Parallel()
	one, two, three := Pair{"a1", "r1"}, Pair{"a2", "r2"}, Pair{"a3", "r3"}
	redeem := func(began, ended int64, a Answer, p Pair) Entry {
		return Entry{Began: began, Ended: ended, Kind: Redeem, Sent: "code", Answer: a, Pair: p}
	}
	refresh := func(began, ended int64, sent string, a Answer, p Pair) Entry {
		return Entry{Began: began, Ended: ended, Kind: Refresh, Sent: sent, Answer: a, Pair: p}
	}
	use := func(began, ended int64, token string, a Answer) Entry {
		return Entry{Began: began, Ended: ended, Kind: Use, Sent: token, Answer: a}
	}
	revoke := func(began, ended int64, a Answer) Entry {
		return Entry{Began: began, Ended: ended, Kind: Revoke, Sent: "r1", Answer: a}
	}
	redeemed := redeem(1, 2, Granted, one)
	for _, tt := range []struct {
		name    string
		noGrace bool
		entries []Entry
		want    string // empty: nothing is wrong
	}{
		{name: "nothing happened"},
		{name: "a quiet life", entries: []Entry{redeemed, use(3, 4, "a1", Granted), refresh(5, 6, "r1", Granted, two), use(7, 8, "a2", Granted), use(9, 10, "a1", Granted)}},

		{name: "one code, one winner, and its tokens die", entries: []Entry{redeem(1, 5, Granted, one), redeem(2, 4, Refused, Pair{}), redeem(3, 6, Refused, Pair{}), use(7, 8, "a1", Refused)}},
		{name: "one code, two winners", entries: []Entry{redeem(1, 3, Granted, one), redeem(2, 4, Granted, two)}, want: "two won"},
		{name: "one code, no winner", entries: []Entry{redeem(1, 3, Refused, Pair{}), redeem(2, 4, Refused, Pair{})}, want: "nobody won"},
		{name: "one code, perhaps the lost one won", entries: []Entry{redeem(1, 3, Lost, Pair{}), redeem(2, 4, Refused, Pair{})}},
		{name: "one code, perhaps the failed one won", entries: []Entry{redeem(1, 3, Failed, Pair{}), redeem(2, 4, Refused, Pair{})}},
		{name: "a lone code is refused", entries: []Entry{redeem(1, 2, Refused, Pair{})}, want: "what a client received is lost"},
		{name: "the winner's token outlives the replay", entries: []Entry{redeem(1, 5, Granted, one), redeem(2, 4, Refused, Pair{}), use(7, 8, "a1", Granted)}, want: "a revoked grant lives"},
		{name: "the winner's token is used before the loser is answered", entries: []Entry{redeem(1, 3, Granted, one), redeem(2, 6, Refused, Pair{}), use(4, 5, "a1", Granted)}},
		{name: "the winner is told after a loser", entries: []Entry{redeem(1, 2, Refused, Pair{}), redeem(3, 4, Granted, one)}, want: "a revoked grant lives"},

		{name: "a token is lost", entries: []Entry{redeemed, use(3, 4, "a1", Refused)}, want: "what a client received is lost"},
		{name: "an older token is lost", entries: []Entry{redeemed, refresh(3, 4, "r1", Granted, two), use(5, 6, "a1", Refused)}, want: "what a client received is lost"},
		{name: "a refresh token is lost", entries: []Entry{redeemed, refresh(3, 4, "r1", Refused, Pair{})}, want: "what a client received is lost"},
		{name: "a token is not lost but the answer", entries: []Entry{redeemed, use(3, 4, "a1", Failed), use(5, 6, "a1", Lost)}},

		{name: "revoked", entries: []Entry{redeemed, revoke(3, 4, Granted), use(5, 6, "a1", Refused), refresh(7, 8, "r1", Refused, Pair{})}},
		{name: "revoked, and used meanwhile", entries: []Entry{redeemed, revoke(3, 6, Granted), use(4, 5, "a1", Granted)}},
		{name: "revoked, and the token lives", entries: []Entry{redeemed, revoke(3, 4, Granted), use(5, 6, "a1", Granted)}, want: "a revoked grant lives"},
		{name: "revoked, and the refresh token lives", entries: []Entry{redeemed, revoke(3, 4, Granted), refresh(5, 6, "r1", Granted, two)}, want: "a revoked grant lives"},
		{name: "perhaps revoked: dead", entries: []Entry{redeemed, revoke(3, 4, Lost), use(5, 6, "a1", Refused)}},
		{name: "perhaps revoked: alive", entries: []Entry{redeemed, revoke(3, 4, Failed), use(5, 6, "a1", Granted)}},
		{name: "dead before the revocation", entries: []Entry{redeemed, use(3, 4, "a1", Refused), revoke(5, 6, Granted)}, want: "what a client received is lost"},
		{name: "a revocation is refused", entries: []Entry{redeemed, revoke(3, 4, Refused)}, want: "a revocation is never refused"},

		{name: "a repeated refresh gets the same", entries: []Entry{redeemed, refresh(3, 4, "r1", Lost, Pair{}), refresh(5, 6, "r1", Granted, two), refresh(7, 8, "r1", Granted, two), use(9, 10, "a2", Granted)}},
		{name: "a repeated refresh gets another pair", entries: []Entry{redeemed, refresh(3, 4, "r1", Granted, three), refresh(5, 6, "r1", Granted, two)}, want: "another pair"},
		{name: "a repeated refresh loses the session", entries: []Entry{redeemed, refresh(3, 4, "r1", Lost, Pair{}), refresh(5, 6, "r1", Refused, Pair{})}, want: "what a client received is lost"},
		{name: "a repeated refresh after the next one is a replay", entries: []Entry{redeemed, refresh(3, 4, "r1", Granted, two), refresh(5, 6, "r2", Granted, three), refresh(7, 8, "r1", Refused, Pair{}), use(9, 10, "a3", Refused)}},
		{name: "it revokes", entries: []Entry{redeemed, refresh(3, 4, "r1", Granted, two), refresh(5, 6, "r2", Granted, three), refresh(7, 8, "r1", Refused, Pair{}), use(9, 10, "a3", Granted)}, want: "a revoked grant lives"},
		{name: "without grace one wins, and its tokens die", noGrace: true, entries: []Entry{redeemed, refresh(3, 5, "r1", Granted, two), refresh(4, 6, "r1", Refused, Pair{}), use(7, 8, "a2", Refused)}},
		{name: "without grace two win", noGrace: true, entries: []Entry{redeemed, refresh(3, 5, "r1", Granted, two), refresh(4, 6, "r1", Granted, two)}, want: "two won"},
		{name: "without grace nobody wins", noGrace: true, entries: []Entry{redeemed, refresh(3, 5, "r1", Refused, Pair{}), refresh(4, 6, "r1", Refused, Pair{})}, want: "nobody won"},

		{name: "two sessions, one token", entries: []Entry{redeemed, {Session: 1, Began: 3, Ended: 4, Kind: Redeem, Sent: "code2", Answer: Granted, Pair: Pair{"a1", "r9"}}}, want: "the same token"},
		{name: "an odd answer", entries: []Entry{{Began: 1, Ended: 2, Kind: Redeem, Sent: "code", Answer: Odd, Status: 404}}, want: "an answer that is none"},
		{name: "an error with insides", entries: []Entry{{Began: 1, Ended: 2, Kind: Redeem, Sent: "code", Answer: Failed, Status: 500, Body: "dial tcp: connection refused"}}, want: "tells too much"},
		{name: "an error without end", entries: []Entry{{Began: 1, Ended: 2, Kind: Redeem, Sent: "code", Answer: Failed, Status: 500, Body: strings.Repeat("x", 301)}}, want: "tells too much"},
		{name: "a terse error", entries: []Entry{{Began: 1, Ended: 2, Kind: Redeem, Sent: "code", Answer: Failed, Status: 500, Body: `{"error":"server_error","error_description":"Something went wrong here. (ref 7Q2X4M5N)"}`}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := &Journal{Grace: !tt.noGrace, entries: tt.entries}
			wrong := j.Check()
			if tt.want == "" {
				assert.Empty(t, wrong)
				return
			}
			require.Len(t, wrong, 1)
			assert.Contains(t, wrong[0], tt.want)
		})
	}
}

func TestJournalAsk(t *testing.T) {
	t.Parallel()
	var j Journal
	j.Ask(func() Entry {
		j.Ask(func() Entry { return Entry{Kind: Use} })
		return Entry{Kind: Redeem}
	})
	assert.Equal(t, []Entry{{Began: 2, Ended: 3, Kind: Use}, {Began: 1, Ended: 4, Kind: Redeem}}, j.Entries())
}
