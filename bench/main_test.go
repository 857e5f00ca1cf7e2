//go:build unix

package main

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/report"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/server"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// TestMain lets the test's own program be the servers, as the command's is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

func newBench(t *testing.T) *bench {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	cores, err := server.NewCores()
	require.NoError(t, err)
	return &bench{cores: cores, measure: 20 * time.Millisecond}
}

// TestPeersRefuseWhatTheirFileSays looks at what the comparison rests on: that
// each server does the work whose cost is measured.
func TestPeersRefuseWhatTheirFileSays(t *testing.T) {
	t.Parallel()
	for _, p := range peer.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, newBench(t).verify(t.Context(), p))
		})
	}
}

// TestPeersDoEveryWorkload runs a few operations of each, over loopback and in
// process. What they cost is nothing to assert here.
func TestPeersDoEveryWorkload(t *testing.T) {
	t.Parallel()
	for _, p := range peer.All() {
		for _, name := range workload.All() {
			if name == workload.Million {
				continue // the same as Authenticate with more tokens
			}
			t.Run(fmt.Sprintf("%s, %s", p.Name, name), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				samples, err := b.fresh(t.Context(), []peer.Peer{p}, name, 0)
				require.NoError(t, err)
				assert.Positive(t, samples[0].CPU)
				if p.New == nil {
					return
				}
				sample, err := b.inProcess(t.Context(), p, name)
				require.NoError(t, err)
				assert.Positive(t, sample.Allocs)
			})
		}
	}
}

func TestMedianAndSpread(t *testing.T) {
	t.Parallel()
	least, greatest := report.Series{3, 1, 2}.Spread()
	assert.Equal(t, []float64{1, 3, 2, 2.5}, []float64{least, greatest, report.Series{3, 1, 2}.Median(), report.Series{4, 1, 3, 2}.Median()})
}
