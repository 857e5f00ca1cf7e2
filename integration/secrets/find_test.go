package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// forms are the ways in which a value may be written down: as it is, in a URL, in JSON, in hex or base64; and the same for
// the bytes that it stands for, if it is in base64url itself, as tokens are.
func forms(value string) (list []string) {
	quoted, err := json.Marshal(value)
	if err != nil {
		panic(err) // never of a string
	}
	list = append(encodings([]byte(value)), value, url.QueryEscape(value), url.PathEscape(value), strings.Trim(string(quoted), `"`))
	if raw, err := base64.RawURLEncoding.DecodeString(value); err == nil && len(raw) >= 16 {
		list = append(append(list, string(raw)), encodings(raw)...)
	}
	return list
}

// encodings are the value in hex, and what stays the same of it in base64 wherever it stands in what is encoded.
func encodings(value []byte) (list []string) {
	h := hex.EncodeToString(value)
	list = append(list, h, strings.ToUpper(h))
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := e.EncodeToString(append(make([]byte, before), value...))
			first, last := (before*8+5)/6, (before+len(value))*8/6
			list = append(list, text[first:last])
		}
	}
	return list
}

// shortest is the length of the shortest form that is looked for.
const shortest = 6

// A finder finds any of many texts in much data, in one pass.
type finder struct {
	begin [1 << 16]bool // the first two bytes of a form
	forms map[[shortest]byte][]form
}

type form struct{ text, value string }

func newFinder(values map[string]string) *finder {
	f := &finder{forms: map[[shortest]byte][]form{}}
	for value := range values {
		for _, text := range forms(value) {
			if len(text) >= shortest {
				f.begin[binary.BigEndian.Uint16([]byte(text))] = true
				key := [shortest]byte([]byte(text))
				f.forms[key] = append(f.forms[key], form{text, value})
			}
		}
	}
	return f
}

// find returns the values that are in the data, each with where it is first.
func (f *finder) find(data []byte) map[string]int {
	found := map[string]int{}
	for i := 0; i+shortest <= len(data); i++ {
		if !f.begin[uint16(data[i])<<8|uint16(data[i+1])] {
			continue
		}
		for _, form := range f.forms[[shortest]byte(data[i:])] {
			if _, known := found[form.value]; !known && bytes.HasPrefix(data[i:], []byte(form.text)) {
				found[form.value] = i
			}
		}
	}
	return found
}

// around is the data at a place, for who has to find out how it came there.
func around(data []byte, at int) string {
	return string(data[max(0, at-100):min(len(data), at+100)])
}

func TestFinderFindsEachForm(t *testing.T) {
	t.Parallel()
	const token = "AAECAwQFBgcICQoLDA0OD8rLzM3Oz9DR0tPU1dbX2Nna29zd3t_g4eLj5OXm5-jp"
	secret := "w:eb secret+100%/é\"x"
	f := newFinder(map[string]string{token: "token", secret: "secret"})
	for value, planted := range map[string]string{token: token, secret: secret} {
		raw, err := base64.RawURLEncoding.DecodeString(planted)
		ways := []string{
			planted, url.QueryEscape(planted), hex.EncodeToString([]byte(planted)), strings.ToUpper(hex.EncodeToString([]byte(planted))),
			base64.StdEncoding.EncodeToString([]byte(planted)), base64.URLEncoding.EncodeToString([]byte(`{"token":"` + planted + `"}`)),
			base64.StdEncoding.EncodeToString([]byte("1" + planted)), base64.StdEncoding.EncodeToString([]byte("12" + planted + "…")),
		}
		if err == nil {
			ways = append(ways, string(raw), hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString(append([]byte("x"), raw...)))
		}
		quoted, err := json.Marshal(map[string]string{"a": planted})
		require.NoError(t, err)
		for i, way := range append(ways, string(quoted)) {
			found := f.find([]byte("some text before" + way + "and after"))
			assert.Len(t, found, 1, "way %d: %s", i, way)
			assert.Contains(t, found, value)
		}
	}
	assert.Empty(t, f.find([]byte(strings.Repeat("AAECAwQFBgcICQoLDA0OD secret w:eb ", 100))))
}
