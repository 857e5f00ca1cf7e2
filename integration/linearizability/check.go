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

// A state is one of the sequential model, with how many answers were explained on the way to it.
type state struct {
	*modeltest.Spec
	explained int
}

// spec is modeltest's sequential model in porcupine's terms, for a history with so many answers.
func spec(answers int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{Spec: new(modeltest.Spec)} },
		Step: func(before, input, out any) (bool, any) {
			s, op, o := before.(state), input.(modeltest.Op), out.(output)
			if o.lost {
				return happen(s, op, answers)
			}
			after := s.Clone()
			if after.Step(op, o.got) != nil {
				return false, nil
			}
			return true, state{after, s.explained + 1}
		},
		Equal: func(a, b any) bool {
			return a.(state).explained == b.(state).explained && a.(state).Equal(b.(state).Spec)
		},
		DescribeOperation: func(input, out any) string { return describe(input.(modeltest.Op), out.(output)) },
		DescribeState:     func(s any) string { return s.(state).String() },
	}
}

// happen lets an operation happen of which nobody knows whether it did. That it never does is to come after all answers,
// where nobody looks any more. So before that it has to change something: an order in which it does not is the same as the
// one with it at the end, and to try both, for each of many, takes time without end.
func happen(s state, op modeltest.Op, answers int) (bool, any) {
	if s.explained == answers {
		return true, s
	}
	after := s.Clone()
	if after.Step(op, modeltest.Result{}) != nil || after.String() == s.String() {
		return false, nil
	}
	return true, state{after, s.explained}
}

func describe(op modeltest.Op, out output) string {
	if out.lost {
		return fmt.Sprintf("%v: answer lost (%v)", op, out.got.Err)
	}
	return fmt.Sprintf("%v: %v", op, out.got)
}

// Check returns the first grant for whose calls there is no order, or nil if there is one for each.
func (h History) Check() *Violation {
	for _, calls := range h.grants() {
		m := spec(calls.answers())
		result, info := porcupine.CheckOperationsVerbose(m, calls.operations(), patience)
		if result != porcupine.Ok {
			return &Violation{calls: calls, undecided: result == porcupine.Unknown, model: m, info: info}
		}
	}
	return nil
}

// answers is how many calls have one.
func (h History) answers() (n int) {
	for _, c := range h {
		if !c.Lost() {
			n++
		}
	}
	return n
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
