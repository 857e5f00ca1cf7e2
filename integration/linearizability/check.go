package linearizability

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/gin-oauth/gin-oauth-server/model/modeltest"
)

// patience is how long the search for an order may take in one grant. It takes milliseconds; in the worst case it grows
// without bounds with the number of calls that were under way at the same time.
const patience = time.Minute

// An output is what an operation came to, as porcupine is told.
type output struct {
	got  modeltest.Result
	lost bool
}

// spec is modeltest's sequential model in porcupine's terms.
func spec() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return new(modeltest.Spec) },
		Step: func(state, input, out any) (bool, any) {
			before, answer := state.(*modeltest.Spec), out.(output)
			after := before.Clone()
			if answer.lost {
				// If the contract lets it succeed, it happens now, and otherwise it changes nothing. That it never
				// happens is the order in which it comes last, where nobody looks any more.
				answer.got = modeltest.Result{}
			}
			switch err := after.Step(input.(modeltest.Op), answer.got); {
			case err == nil:
				return true, after
			case answer.lost:
				return true, before
			}
			return false, nil
		},
		Equal: func(a, b any) bool { return a.(*modeltest.Spec).Equal(b.(*modeltest.Spec)) },
		DescribeOperation: func(input, out any) string {
			return describe(input.(modeltest.Op), out.(output))
		},
		DescribeState: func(state any) string { return state.(*modeltest.Spec).String() },
	}
}

func describe(op modeltest.Op, out output) string {
	if out.lost {
		return fmt.Sprintf("%v: answer lost (%v)", op, out.got.Err)
	}
	return fmt.Sprintf("%v: %v", op, out.got)
}

// Check returns the first grant for whose calls there is no order, or nil if there is one for each.
func (h History) Check() *Violation {
	m := spec()
	for _, calls := range h.grants() {
		result, info := porcupine.CheckOperationsVerbose(m, calls.operations(), patience)
		if result != porcupine.Ok {
			return &Violation{calls: calls, undecided: result == porcupine.Unknown, model: m, info: info}
		}
	}
	return nil
}

// operations are the calls in porcupine's terms. A call without an answer ends after everything else, and its caller goes
// on as another one. One that only reads says nothing.
func (h History) operations() []porcupine.Operation {
	ops := make([]porcupine.Operation, 0, len(h))
	callers := 0
	for _, c := range h {
		callers = max(callers, c.Caller+1)
	}
	became := map[int]int{}
	for _, c := range h {
		id, ok := became[c.Caller]
		if !ok {
			id = c.Caller
		}
		op := porcupine.Operation{ClientId: id, Input: c.Op, Call: c.Called, Output: output{c.Got, c.Lost()}, Return: c.Returned}
		if c.Lost() {
			became[c.Caller] = callers
			callers++
			if reads(c.Op.Verb) {
				continue
			}
			op.Return = math.MaxInt64
		}
		ops = append(ops, op)
	}
	return ops
}

func reads(v modeltest.Verb) bool {
	return v == modeltest.GetAuthorizationCode || v == modeltest.GetAccessToken || v == modeltest.GetRefreshToken
}
