//go:build unix

package load

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, in string
		done     bool
		want     workload.Answer
	}{
		{"nothing yet", "", false, workload.Answer{}},
		{"half of the head", "HTTP/1.1 200 OK\r\nContent-Le", false, workload.Answer{}},
		{"half of the body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", false, workload.Answer{Status: 200, Body: []byte("o")}},
		{"all of it", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true, workload.Answer{Status: 200, Body: []byte("ok")}},
		{"a redirect", "HTTP/1.1 302 Found\r\nLocation: /next?a=b\r\nContent-Length: 0\r\n\r\n", true, workload.Answer{Status: 302, Location: "/next?a=b", Body: []byte{}}},
		{"half of the chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", false, workload.Answer{Status: 200, Body: []byte("2\r\nok\r\n")}},
		{"all chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true, workload.Answer{Status: 200, Body: []byte("2\r\nok\r\n0\r\n\r\n")}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var a workload.Answer
			done, err := parse([]byte(row.in), &a)
			assert.NoError(t, err)
			assert.Equal(t, row.done, done)
			assert.Equal(t, row.want, a)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"HTTP\r\n\r\n", "HTTP/1.1 xyz OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"} {
		_, err := parse([]byte(in), &workload.Answer{})
		assert.Error(t, err, in)
	}
}
