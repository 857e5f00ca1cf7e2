package modeltest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// pausableNaive is a naive store that offers the hook.
type pausableNaive struct{ *naive }

func (s pausableNaive) PauseBeforeWrite(hook func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// recorder is the T of a rule that may fail.
type recorder struct {
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// failing runs the suite against a store and returns the rules that failed,
// with what they said.
func failing(t *testing.T, newStore func() model.Model, skip ...string) map[string]string {
	failed := map[string]string{}
	for _, r := range rules {
		if slices.Contains(skip, r.name) {
			continue
		}
		rec := new(recorder)
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.check(&checker{T: rec, ctx: t.Context(), newStore: newStore})
		}()
		<-done
		if len(rec.failures) > 0 {
			failed[r.name] = strings.Join(rec.failures, "\n")
		}
	}
	return failed
}

func storeOf(way string, pausable bool) func() model.Model {
	return func() model.Model {
		if pausable {
			return pausableNaive{newNaive(way)}
		}
		return newNaive(way)
	}
}

// Each store is broken in one way. The rule that is named must find it, as the
// first of all rules and as the only one; others marks what later rules cannot
// help finding too, because they build on it.
// Every rule is needed: some store is there for each.
func TestBrokenStoresAreFound(t *testing.T) {
	t.Parallel()
	raiseProcs(t)
	named := map[string]bool{}
	for _, tt := range []struct {
		way, rule string
		pausable  bool
		others    bool
		shares    bool // memory with its caller
	}{
		{way: "unknown client without error", rule: "ClientIsFound"},
		{way: "AddClient keeps the caller's slices", rule: "ClientIsFound"},
		{way: "AddClient takes anything", rule: "ClientIsFound"},

		{way: "code loses RedirectURISent", rule: "CodeIsReturnedAsSaved"},
		{way: "code by its grant", rule: "CodeIsFoundByItsKeyOnly", others: true},
		{way: "hides spent codes", rule: "RedeemSpendsAndSaves", others: true},
		{way: "redeem does not spend", rule: "RedeemSpendsAndSaves", others: true},
		{way: "redeem does not save", rule: "RedeemSpendsAndSaves", others: true},
		{way: "redeems twice", rule: "RedeemOnce", others: true},
		{way: "saves for the loser of a redeem", rule: "RedeemOnce", others: true},
		{way: "nil token spends nothing", rule: "RedeemWithoutToken", others: true},
		{way: "redeeming the unknown is spent", rule: "RedeemUnknown"},

		{way: "token loses its GrantScope", rule: "TokenIsReturnedAsSaved", others: true},
		{way: "finds the zero digest", rule: "TokenIsFoundByItsKeysOnly", others: true},
		{way: "finds either half", rule: "TokenIsFoundByItsKeysOnly", others: true},
		{way: "saves SpentAt and Seed", rule: "SpentAtAndSeedAreNotSaved"},
		{way: "shows SpentAt of access tokens", rule: "AccessTokenShowsNoSeed"},
		{way: "shows the seed of access tokens", rule: "AccessTokenShowsNoSeed"},
		{way: "no seed", rule: "RotateSpendsAndSaves", others: true},
		{way: "spent by the clock", rule: "RotateSpendsAndSaves", others: true},
		{way: "rotates twice", rule: "RotateOnce", others: true},
		{way: "seed of a rotation that lost", rule: "RotateOnce", others: true},
		{way: "rotating the unknown is spent", rule: "RotateUnknown"},
		{way: "seed for every spent token", rule: "OneSeedPerGrant"},
		{way: "keeps every seed", rule: "OneSeedPerGrant"},
		{way: "RevokeAccessToken does nothing", rule: "RevokeAccessTokenEndsIt"},
		{way: "revokes the refresh token too", rule: "RevokeAccessTokenEndsNothingElse"},
		{way: "RevokeAccessToken spends", rule: "RevokeAccessTokenEndsNothingElse"},
		{way: "revoking an unknown access token is an error", rule: "RevokeAccessTokenIsIdempotent", others: true},

		{way: "opens a grant again", rule: "GrantIsOpenedOnce", others: true},
		{way: "opens a grant again by a token of its own", rule: "GrantIsOpenedOnce"},
		{way: "opens a revoked grant again", rule: "RevokedGrantIsNotOpenedAgain", others: true},
		{way: "reads codes of revoked grants", rule: "RevokeGrantEndsReads", others: true},
		{way: "reads tokens of revoked grants", rule: "RevokeGrantEndsReads", others: true},
		{way: "does not revoke a lone token", rule: "RevokeGrantEndsReads", others: true},
		{way: "redeems in revoked grants", rule: "RevokeGrantEndsSaves", others: true},
		{way: "rotates in revoked grants", rule: "RevokeGrantEndsSaves", others: true},
		{way: "revoked code is spent", rule: "RevokedIsNotSpent"},
		{way: "revoked token is spent", rule: "RevokedIsNotSpent"},
		{way: "revokes all grants of the client", rule: "RevokeGrantEndsNothingElse"},
		{way: "revoking again is an error", rule: "RevokeGrantIsIdempotent", others: true},
		{way: "revoking an unknown grant is an error", rule: "RevokeUnknownGrantHasNoEffect", others: true},
		{way: "keeps revocations of unknown grants", rule: "RevokeUnknownGrantHasNoEffect"},

		{way: "hides expired codes", rule: "ExpiredIsReturned", others: true},
		{way: "hides expired tokens", rule: "ExpiredIsReturned", others: true},
		{way: "keeps the caller's code", rule: "PassedInStaysTheCallers", shares: true},
		{way: "keeps the caller's Extra", rule: "PassedInStaysTheCallers", shares: true},
		{way: "returns its own code", rule: "ReturnedIsTheCallersOwn", shares: true},
		{way: "returns its own token", rule: "ReturnedIsTheCallersOwn", shares: true},
		{way: "returns its own Extra", rule: "ReturnedIsTheCallersOwn", shares: true},
		{way: "outcome for a cancelled context", rule: "CancelledContext"},
		{way: "half a redeem when cancelled", rule: "CancelledContext"},
		{way: "half a rotate when cancelled", rule: "CancelledContext"},
		{way: "lower case users", rule: "OddText"},
		{way: "trims redirect URIs", rule: "OddText"},
		{way: "short scopes", rule: "OddText"},
		{way: "compares 31 bytes of digests", rule: "OddDigests"},
		{way: "cuts times to seconds", rule: "TokenIsReturnedAsSaved", others: true},
		{way: "times in nanoseconds", rule: "OddTimes"},
		{way: "local times", rule: "TokenIsReturnedAsSaved", others: true},
		{way: "numbers as float64", rule: "OddExtra"},

		{way: "race: redeem", rule: "RaceRedeem"},
		{way: "race: redeem", rule: "ForcedRedeemRedeem", pausable: true, others: true},
		{way: "race: rotate", rule: "RaceRotate"},
		{way: "race: rotate", rule: "ForcedRotateRotate", pausable: true, others: true},
		{way: "race: open", rule: "RaceOpen"},
		{way: "race: open", rule: "ForcedOpenOpen", pausable: true, others: true},

		{way: "revoke misses what is under way: redeem", rule: "RaceRedeemRevoke"},
		{way: "revoke misses what is under way: redeem", rule: "ForcedRedeemRevoke", pausable: true, others: true},
		{way: "revoke misses what is under way: rotate", rule: "RaceRotateRevoke"},
		{way: "revoke misses what is under way: rotate", rule: "ForcedRotateRevoke", pausable: true, others: true},
		{way: "opening fails when revoked meanwhile", rule: "RaceOpenRevoke"},

		{way: "sweeps codes at expiry", rule: "SweepKeepsCodes"},
		{way: "sweeps spent codes", rule: "SweepKeepsCodes"},
		{way: "sweeps by access expiry", rule: "SweepKeepsTokens"},
		{way: "sweeps a moment early", rule: "SweepKeepsTokens"},
		{way: "sweeps spent tokens", rule: "SweepKeepsTokens"},
		{way: "sweeps grants without tokens", rule: "SweepKeepsGrants"},
		{way: "sweeps revoked grants", rule: "SweepKeepsGrants"},
		{way: "inserts remove the expired", rule: "InsertKeepsWhatMustBeKept"},
		{way: "sweeps nothing", rule: "SweepRemovesTheRest"},
		{way: "sweeps no grants", rule: "SweepRemovesTheRest"},

		{way: "forgets all but six tokens of a grant", rule: "History"},
	} {
		name := tt.way
		if tt.pausable {
			name += ", forced"
		}
		named[tt.rule] = true
		if tt.shares && raceEnabled {
			continue // the race detector says so, and ends the test
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			skip := "History" // it finds almost all of them, see below
			if tt.rule == "History" {
				skip = ""
			}
			failed := failing(t, storeOf(tt.way, tt.pausable), skip)
			// A race that nothing forces happens when it likes, on a busy machine less often.
			for tries := 1; len(failed) == 0 && strings.HasPrefix(tt.rule, "Race") && tries < 50; tries++ {
				failed = failing(t, storeOf(tt.way, tt.pausable), skip)
			}
			if first := firstOf(failed); first != tt.rule {
				t.Errorf("the first rule to find it is %q, want %q: %s", first, tt.rule, failed[first])
			}
			for rule, said := range failed {
				if rule != tt.rule && !tt.others {
					t.Errorf("rule %s found it as well: %s", rule, said)
				}
			}
		})
	}
	for _, r := range rules {
		if !named[r.name] {
			t.Errorf("no broken store shows that rule %s finds anything", r.name)
		}
	}
}

// firstOf returns the first rule that failed.
func firstOf(failed map[string]string) string {
	for _, r := range rules {
		if _, ok := failed[r.name]; ok {
			return r.name
		}
	}
	return ""
}

// Random histories find what is wrong without anybody at the same time, each
// with its own store and nothing said about where to look.
func TestHistoriesFindFaults(t *testing.T) {
	t.Parallel()
	for _, way := range []string{
		"redeems twice", "saves for the loser of a redeem", "redeem does not spend", "nil token spends nothing", "rotates twice",
		"seed of a rotation that lost", "seed for every spent token", "keeps every seed", "shows the seed of access tokens", "saves SpentAt and Seed",
		"RevokeAccessToken does nothing", "revokes the refresh token too", "RevokeAccessToken spends", "opens a grant again", "opens a revoked grant again",
		"opens a grant again by a token of its own", "reads codes of revoked grants", "reads tokens of revoked grants", "does not revoke a lone token",
		"redeems in revoked grants", "rotates in revoked grants", "revoked code is spent", "revoked token is spent", "revokes all grants of the client",
		"finds the zero digest", "finds either half", "code by its grant", "code loses RedirectURISent", "sweeps codes at expiry", "sweeps by access expiry",
		"sweeps spent tokens", "sweeps spent codes", "sweeps revoked grants", "sweeps grants without tokens", "inserts remove the expired", "sweeps no grants",
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			rec := new(recorder)
			done := make(chan struct{})
			go func() {
				defer close(done)
				history(&checker{T: rec, ctx: t.Context(), newStore: storeOf(way, false)})
			}()
			<-done
			if len(rec.failures) == 0 {
				t.Error("no history found it")
			}
		})
	}
}

// What the contract leaves open must not fail.
func TestLibertiesAreAllowed(t *testing.T) {
	t.Parallel()
	for _, way := range []string{
		"none",
		"ignores contexts",
		"liberty: deletes when it revokes",
		"liberty: expires at once",
		"liberty: sweeps whole grants only",
	} {
		for _, pausable := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, pausable %t", way, pausable), func(t *testing.T) {
				t.Parallel()
				for rule, said := range failing(t, storeOf(way, pausable)) {
					t.Errorf("rule %s: %s", rule, said)
				}
			})
		}
	}
}

func TestRun(t *testing.T) {
	Run(t, func(*testing.T) model.Model { return pausableNaive{newNaive("none")} })
}
