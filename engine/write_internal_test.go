package engine

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is appended by hand is what encoding/json makes of it.
func TestErrorJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "The code is not valid.", `<a href="x">&amp;</a>`, `back\slash "quoted"`, "line\nbreak\ttab\x00", "Zürich 東京", "broken \xff\xe6\x9d", "\u2028", "&", "<", ">",
	} {
		for _, ref := range []string{"", "ABCDEFGH"} {
			e := &Error{Code: "code " + text, Description: text, Reference: ref}
			want, err := json.Marshal(struct {
				Error       string `json:"error"`
				Description string `json:"error_description,omitempty"`
			}{sanitize(e.Code), e.SafeDescription()})
			require.NoError(t, err)
			assert.Equal(t, string(want), string(e.appendJSON(nil)))
		}
	}
}

// An error of the application may be shared between requests. What is added to the
// headers of one answer does not get into another.
func TestErrorHeadersAreNotShared(t *testing.T) {
	t.Parallel()
	e := &Error{Header: http.Header{"Www-Authenticate": append(make([]string, 0, 4), `Bearer realm="a"`)}}
	first, second := http.Header{}, http.Header{}
	SetErrorHeaders(first, e)
	SetErrorHeaders(second, e)
	first.Add("WWW-Authenticate", "first")
	second.Add("WWW-Authenticate", "second")
	assert.Equal(t, []string{`Bearer realm="a"`, "first"}, first["Www-Authenticate"])
}
