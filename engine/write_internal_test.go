package engine

import (
	"encoding/json"
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
