//go:build unix

package main

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// instance makes a server of a peer.
func instance(t *testing.T, p peer.Peer) *peer.Instance {
	t.Helper()
	i, err := p.New(peer.Options{})
	require.NoError(t, err)
	if i.Close != nil {
		t.Cleanup(i.Close)
	}
	return i
}

// issue has a server make live tokens.
func issue(t *testing.T, i *peer.Instance, n int) []string {
	t.Helper()
	var tokens []string
	keep := func(token string) error {
		tokens = append(tokens, token)
		return nil
	}
	if i.Issue != nil {
		require.NoError(t, i.Issue(n, keep))
	} else {
		require.NoError(t, workload.Issue(i.Handler, n, keep))
	}
	return tokens
}

// TestPeersRefuseWhatTheirFileSays looks at what the comparison rests on: that
// each server does the work whose cost is measured.
func TestPeersRefuseWhatTheirFileSays(t *testing.T) {
	t.Parallel()
	for _, p := range peer.All() {
		if p.New == nil {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(instance(t, p).Handler)
			t.Cleanup(srv.Close)
			unknown := issue(t, instance(t, p), 1)[0]
			assert.NoError(t, workload.Verify(t.Context(), srv.Listener.Addr().String(), p, unknown))
		})
	}
}

func TestPeersDoEveryWorkload(t *testing.T) {
	t.Parallel()
	for _, p := range peer.All() {
		for _, name := range workload.All() {
			if p.New == nil || name == workload.Million {
				continue // a million is the same with more tokens
			}
			t.Run(fmt.Sprintf("%s, %s", p.Name, name), func(t *testing.T) {
				t.Parallel()
				i := instance(t, p)
				from := i
				if name == workload.Unknown {
					from = instance(t, p)
				}
				session, err := workload.New(name, p, issue(t, from, 10), 0, 1)
				require.NoError(t, err)
				assert.NoError(t, workload.NewDirect(i.Handler, session).Operations(20))
			})
		}
	}
}
