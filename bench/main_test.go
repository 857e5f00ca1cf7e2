//go:build unix

package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	runtime.LockOSThread() // and never unlocked: a thread on one core must not be used again
	cores, err := server.NewCores()
	require.NoError(t, err)
	return &bench{cores: cores, measure: 20 * time.Millisecond}
}

// TestPeers runs every peer for a few operations of each workload, over loopback
// and in process, after a look at what the comparison rests on: that each does
// the work whose cost is measured. What it costs is nothing to assert here.
func TestPeers(t *testing.T) {
	t.Parallel()
	for _, p := range peer.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			unknown, err := b.foreign(t.Context(), p, 10)
			require.NoError(t, err)
			s, err := b.start(t.Context(), p, workload.ClientCredentials)
			require.NoError(t, err)
			defer func() { assert.NoError(t, s.Stop()) }()
			require.NoError(t, workload.Verify(t.Context(), s.Addr, p, unknown[0]))

			valid, err := s.Issue(server.Access, 10, 10)
			require.NoError(t, err)
			for _, name := range workload.All() {
				s.tokens = valid
				if name == workload.Unknown {
					s.tokens = unknown
				}
				samples, err := b.loopback([]*loaded{s}, name, 0)
				require.NoError(t, err, name)
				assert.Positive(t, samples[0].CPU, name)
				if p.New != nil {
					r, err := s.Run(server.Command{Workload: name, N: 50}, s.tokens)
					require.NoError(t, err, name)
					assert.Positive(t, r.Allocs, name)
				}
			}
		})
	}
}

// TestRunsWriteTheirPart runs both commands over a page with other text on it.
func TestRunsWriteTheirPart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	page := filepath.Join(folder, pageFile)
	require.NoError(t, os.WriteFile(page, []byte("# Speed\n\nWritten by a person.\n"), 0o600))
	flags := []string{"-rounds", "2", "-seconds", "0.02", "-only", "ours", "-workloads", "client_credentials,refresh", "-out", folder}
	require.NoError(t, compare(t.Context(), flags))
	require.NoError(t, growth(t.Context(), []string{"-quick", "-out", folder}))
	require.NoError(t, compare(t.Context(), flags)) // it replaces what the first has written
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Contains(t, string(text), "# Speed\n\nWritten by a person.\n")
	for _, once := range []string{"### Live tokens\n", "### What each server refuses\n", "| gin-oauth-server | "} {
		assert.Contains(t, string(text), once)
	}
	assert.Equal(t, 1, strings.Count(string(text), "### What each server refuses\n"))
	picture, err := os.ReadFile(filepath.Join(folder, pictureFile))
	require.NoError(t, err)
	assert.NoError(t, xml.Unmarshal(picture, new(struct{})))
}

func TestMedianAndSpread(t *testing.T) {
	t.Parallel()
	least, greatest := report.Series{3, 1, 2}.Spread()
	assert.Equal(t, []float64{1, 3, 2, 2.5}, []float64{least, greatest, report.Series{3, 1, 2}.Median(), report.Series{4, 1, 3, 2}.Median()})
}
