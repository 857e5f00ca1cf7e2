package linearizability

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// A Violation is the history of a grant that breaks the contract.
type Violation struct {
	calls     History
	undecided bool
	model     porcupine.Model
	info      porcupine.LinearizationInfo
}

// String is the history as a picture of letters: each call with the time that it took and its place in the longest order
// that the contract allows. Those without a place do not fit.
func (v *Violation) String() string {
	var b strings.Builder
	if v.undecided {
		fmt.Fprintf(&b, "no order was found in %v, nor that there is none: too many calls at the same time\n", patience)
	} else {
		b.WriteString("these calls do not come to their answers in any order; the longest is numbered\n")
	}
	places := map[int64]int{}
	for i, op := range v.longest() {
		places[op.Call] = i + 1
	}
	var times []int64
	for _, c := range v.calls {
		times = append(times, c.Called, c.Returned)
	}
	slices.Sort(times)
	for _, c := range v.calls {
		from, _ := slices.BinarySearch(times, c.Called)
		to, _ := slices.BinarySearch(times, c.Returned)
		end := "|"
		if c.Lost() {
			to, end = len(times), ">"
		}
		place := "-"
		if n := places[c.Called]; n > 0 {
			place = fmt.Sprint(n)
		} else if c.Lost() && reads(c.Op.Verb) {
			place = "" // it says nothing
		}
		bar := strings.Repeat(" ", from) + "|" + strings.Repeat("=", max(0, to-from-1)) + end
		fmt.Fprintf(&b, "%3s  caller %-2d %-*s  %s\n", place, c.Caller, len(times)+1, bar, describe(c.Op, output{c.Got, c.Lost()}))
	}
	return b.String()
}

// longest is the longest order that the contract allows.
func (v *Violation) longest() (longest []porcupine.Operation) {
	for _, orders := range v.info.PartialLinearizationsOperations() {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	return longest
}

// Save writes the picture as a page for the browser, which also shows the state after each step.
func (v *Violation) Save(path string) error {
	return porcupine.VisualizePath(v.model, v.info, path)
}

// Require fails the test unless there is an order for the history. The message has the picture, and the name of a file
// with the better one: among the artifacts of the test if it is run with -artifacts, or else in the folder for temporary
// files.
func Require(t testing.TB, h History) {
	t.Helper()
	v := h.Check()
	if v == nil {
		return
	}
	path, err := pictureFile(t)
	if err == nil {
		err = v.Save(path)
	}
	if err != nil {
		path = err.Error()
	}
	t.Fatalf("%s: %v\n%s", t.Name(), v, "picture: "+path)
}

func pictureFile(t testing.TB) (string, error) {
	if keep := flag.Lookup("test.artifacts"); keep != nil && keep.Value.String() == "true" {
		return filepath.Join(t.ArtifactDir(), "history.html"), nil
	}
	f, err := os.CreateTemp("", "history-*.html") //nolint:usetesting // it outlives the test, to be looked at
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}
