package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const printed = `goos: linux
cpu: Some CPU
BenchmarkVerbs/memory/live=1000/GetAccessToken-2         	  750582	       500.0 ns/op	   2000000 verbs/s	     352 B/op	       1 allocs/op
BenchmarkVerbs/memory/live=100000/GetAccessToken-2         	  750582	       1000 ns/op	   1000000 verbs/s	     352 B/op	       1 allocs/op
BenchmarkVerbs/Redis/live=1000/GetAccessToken_unknown-2     	   22165	     16043 ns/op	         1.000 trips/op	     62332 verbs/s	     440 B/op	      11 allocs/op
BenchmarkBytes/memory-2     	   1	     0 ns/op
BenchmarkBytes/Redis/code_with_its_pair-2     	   1	     1234.5 bytes/op
BenchmarkRequests/Redis/revoke,_limits_counted-2     	   1	     5 trips/op
PASS
`

func TestUpdate(t *testing.T) {
	t.Parallel()
	doc := "# Doc\n" + begin + "old\n" + end + "\nmore\n"
	write := func(doc string) string {
		file := filepath.Join(t.TempDir(), "doc.md")
		require.NoError(t, os.WriteFile(file, []byte(doc), 0o600))
		return file
	}
	file := write(doc)
	require.NoError(t, update(file, strings.NewReader(printed)))
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, want := range []string{
		"# Doc\n" + begin, end + "\nmore\n",
		"on 2 cores, Some CPU, with",
		"| | 1 000 live | 100 000 live |",
		"| GetAccessToken | 2 000 000 | 1 000 000 | 2.00 | – |",
		"| GetAccessToken unknown | 62 300 | – | – | 1 |",
		"| | Redis |",
		"| code with its pair | 1 240 |",
		"| revoke, limits counted | 5 |",
	} {
		assert.Contains(t, string(got), want)
	}
	assert.NotContains(t, string(got), "old")

	require.Error(t, update(write("no marks"), strings.NewReader(printed)))
	require.Error(t, update(write(doc), strings.NewReader(printed+"--- FAIL: BenchmarkVerbs\n")), "a failed run writes nothing")
	require.Error(t, update(write(doc), strings.NewReader("")))
}
