package modeltest

import (
	"context"
	"runtime"
	"testing"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// ClientAdder is implemented by stores to which clients can be added. Run then
// also tests GetClient of a client that is there.
type ClientAdder interface {
	AddClient(c model.Client) error
}

// Pauser is implemented by a store that can be stopped between deciding and
// writing. Run then forces the races that it otherwise has to hope for.
//
// PauseBeforeWrite sets a function that every writing verb calls with its own
// context, or one derived from it, when it has decided what to do and before it
// writes: after the query that decides, before the commit, or, in a store that
// holds a lock across both, with the lock held. nil takes the function away.
// It is called while no verb is running.
type Pauser interface {
	PauseBeforeWrite(hook func(ctx context.Context))
}

// T is what a rule needs of *testing.T.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run tests that the stores which newStore returns keep the contract of
// [model.Model]: each rule is a subtest of its own, on a store of its own.
// newStore may return the same database again and again, if only Run writes to
// it meanwhile: all ids are random. It ends what it started in t.Cleanup.
//
// What else a store offers is tested as well: [model.Sweeper], [ClientAdder],
// [Pauser], and, by RunClients, RunConsents, RunGrants, RunLimits and RunDevices,
// the interfaces of what a complete server stores besides. Run it with -race. It
// raises GOMAXPROCS to 4 while it runs.
func Run(t *testing.T, newStore func(t *testing.T) model.Model) {
	t.Helper()
	raiseProcs(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			r.check(&checker{T: t, ctx: t.Context(), newStore: func() model.Model { return newStore(t) }})
		})
	}
	runPart(t, "Clients", newStore, RunClients)
	runPart(t, "Consents", newStore, RunConsents)
	runPart(t, "Grants", newStore, RunGrants)
	runPart(t, "Limits", newStore, RunLimits)
	runPart(t, "Devices", newStore, RunDevices)
}

// runPart runs the part of an interface for a store that implements it.
func runPart[S any](t *testing.T, name string, newStore func(t *testing.T) model.Model, run func(*testing.T, func(*testing.T) S)) {
	t.Helper()
	if _, ok := newStore(t).(S); !ok {
		return
	}
	t.Run(name, func(t *testing.T) {
		run(t, func(t *testing.T) S {
			t.Helper()
			s, ok := newStore(t).(S)
			if !ok {
				t.Fatalf("%s: of two stores only one implements the interface", name)
			}
			return s
		})
	})
}

// raiseProcs lets four goroutines run at once until the test ends.
func raiseProcs(t *testing.T) {
	if before := runtime.GOMAXPROCS(0); before < 4 {
		runtime.GOMAXPROCS(4)
		t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	}
}

// rule is one thing the contract asks for.
type rule struct {
	name  string
	check func(*checker)
}

// rules are ordered such that none builds on one that comes later: the first to
// fail says what is wrong.
var rules = [...]rule{
	{"ClientIsFound", clientIsFound},

	{"CodeIsReturnedAsSaved", codeIsReturnedAsSaved},
	{"CodeIsFoundByItsKeyOnly", codeIsFoundByItsKeyOnly},
	{"RedeemSpendsAndSaves", redeemSpendsAndSaves},
	{"RedeemOnce", redeemOnce},
	{"RedeemWithoutToken", redeemWithoutToken},
	{"RedeemUnknown", redeemUnknown},

	{"TokenIsReturnedAsSaved", tokenIsReturnedAsSaved},
	{"TokenIsFoundByItsKeysOnly", tokenIsFoundByItsKeysOnly},
	{"SpentAtAndSeedAreNotSaved", spentAtAndSeedAreNotSaved},
	{"AccessTokenShowsNoSeed", accessTokenShowsNoSeed},
	{"RotateSpendsAndSaves", rotateSpendsAndSaves},
	{"RotateOnce", rotateOnce},
	{"RotateUnknown", rotateUnknown},
	{"OneSeedPerGrant", oneSeedPerGrant},
	{"RevokeAccessTokenEndsIt", revokeAccessTokenEndsIt},
	{"RevokeAccessTokenIsIdempotent", revokeAccessTokenIsIdempotent},
	{"RevokeAccessTokenEndsNothingElse", revokeAccessTokenEndsNothingElse},

	{"GrantIsOpenedOnce", grantIsOpenedOnce},
	{"RevokedGrantIsNotOpenedAgain", revokedGrantIsNotOpenedAgain},
	{"RevokeGrantEndsReads", revokeGrantEndsReads},
	{"RevokeGrantEndsSaves", revokeGrantEndsSaves},
	{"RevokedIsNotSpent", revokedIsNotSpent},
	{"RevokeGrantEndsNothingElse", revokeGrantEndsNothingElse},
	{"RevokeGrantIsIdempotent", revokeGrantIsIdempotent},
	{"RevokeUnknownGrantHasNoEffect", revokeUnknownGrantHasNoEffect},

	{"ExpiredIsReturned", expiredIsReturned},
	{"PassedInStaysTheCallers", passedInStaysTheCallers},
	{"ReturnedIsTheCallersOwn", returnedIsTheCallersOwn},
	{"CancelledContext", cancelledContext},
	{"OddText", oddText},
	{"OddDigests", oddDigests},
	{"OddTimes", oddTimes},
	{"OddExtra", oddExtra},

	{"ForcedRedeemRedeem", forcedRedeemRedeem},
	{"ForcedRotateRotate", forcedRotateRotate},
	{"ForcedOpenOpen", forcedOpenOpen},
	{"ForcedRedeemRevoke", forcedRedeemRevoke},
	{"ForcedRotateRevoke", forcedRotateRevoke},
	{"RaceRedeem", raceRedeem},
	{"RaceRotate", raceRotate},
	{"RaceOpen", raceOpen},
	{"RaceRedeemRevoke", raceRedeemRevoke},
	{"RaceRotateRevoke", raceRotateRevoke},
	{"RaceOpenRevoke", raceOpenRevoke},

	{"SweepKeepsCodes", sweepKeepsCodes},
	{"SweepKeepsTokens", sweepKeepsTokens},
	{"SweepKeepsGrants", sweepKeepsGrants},
	{"InsertKeepsWhatMustBeKept", insertKeepsWhatMustBeKept},
	{"SweepRemovesTheRest", sweepRemovesTheRest},

	{"History", history},
}
