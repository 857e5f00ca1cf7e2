package workload_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

func TestMember(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ body, want string }{
		{`{"access_token":"a"}`, "a"},
		{`{"token_type":"access_token","access_token": "a"}`, "a"},
		{`{"access_token":1}`, ""},
		{`{"access_token":"a`, ""},
		{`{}`, ""},
	} {
		assert.Equal(t, row.want, workload.Member([]byte(row.body), "access_token"), row.body)
	}
}

// TestWrongAnswersEndTheRun holds that no server looks fast by answering wrongly.
func TestWrongAnswersEndTheRun(t *testing.T) {
	t.Parallel()
	wrong := map[workload.Name][]workload.Answer{
		workload.ClientCredentials: {{Status: 400, Body: []byte(`{"access_token":"a"}`)}, {Status: 200, Body: []byte("ok")}},
		workload.Authenticate:      {{Status: 401, Body: []byte("ok")}, {Status: 200, Body: []byte("no")}},
		workload.Unknown:           {{Status: 200, Body: []byte("ok")}, {Status: 500}},
		workload.Malformed:         {{Status: 200, Body: []byte("ok")}, {Status: 500}},
		workload.Refresh:           {{Status: 200}},
		workload.CodeFlow:          {{Status: 302, Location: "https://client.example/callback?error=x"}, {Status: 302, Location: "https://evil.example/?code=c"}, {Status: 200}},
	}
	for name, answers := range wrong {
		for _, a := range answers {
			s, err := workload.New(name, peer.Bare(), []string{"token"}, 0, 1)
			require.NoError(t, err)
			s.Next(&workload.Request{})
			_, err = s.Done(&a)
			assert.Error(t, err, "%s: %d %s %s", name, a.Status, a.Location, a.Body)
		}
	}
}
