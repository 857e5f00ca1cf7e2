package redisstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// Records are packed by hand: they are read with each request. A record begins with
// what the scripts read, a digest and the retention in decimal; the rest is theirs
// to carry only. There, numbers are varints, texts have their length in front, and
// a byte with the version comes first. What a later version adds goes to the end.

const (
	version   = 1
	digestLen = len(model.Digest{})
)

var errRecord = errors.New("a record is damaged or of a later version")

// writer builds a record.
type writer []byte

func newRecord(digest model.Digest, retain time.Time) writer {
	w := append(make(writer, 0, 256), digest[:]...)
	w = strconv.AppendInt(w, retain.UnixMilli(), 10)
	return append(w, ' ', version)
}

func (w *writer) time(t time.Time)  { *w = binary.AppendVarint(*w, t.UnixMilli()) }
func (w *writer) digest(d [32]byte) { *w = append(*w, d[:]...) }
func (w *writer) flag(b bool) {
	if b {
		*w = append(*w, 1)
	} else {
		*w = append(*w, 0)
	}
}

func (w *writer) text(s string) {
	*w = binary.AppendUvarint(*w, uint64(len(s)))
	*w = append(*w, s...)
}

// reader takes a record apart. After the first failure all it reads is zero.
type reader struct {
	rest string
	bad  bool
}

// openRecord reads up to the version.
func openRecord(record string) *reader {
	r := &reader{rest: record}
	r.take(digestLen)
	_, rest, ok := strings.Cut(r.rest, " ")
	r.rest, r.bad = rest, r.bad || !ok
	r.version()
	return r
}

func (r *reader) version() {
	if v := r.take(1); v != string([]byte{version}) {
		r.bad = true
	}
}

func (r *reader) take(n int) string {
	if r.bad || n < 0 || n > len(r.rest) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.take(1)
		if r.bad {
			return 0
		}
		v |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return v
		}
	}
	r.bad = true
	return 0
}

// time reads what writer.time wrote. The zero time comes back as itself.
func (r *reader) time() time.Time {
	u := r.uvarint()
	if r.bad {
		return time.Time{}
	}
	return time.UnixMilli(int64(u>>1) ^ -int64(u&1)).UTC()
}

func (r *reader) digest() (d [32]byte) {
	copy(d[:], r.take(len(d)))
	return d
}

func (r *reader) flag() bool { return r.take(1) == "\x01" }

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	return r.take(int(n))
}

func encodeCode(c *model.AuthorizationCode) []byte {
	w := newRecord(c.Key.Digest, c.RetainUntil)
	w.time(c.IssuedAt)
	w.time(c.ExpiresAt)
	w.time(c.RetainUntil)
	w.flag(c.RedirectURISent)
	w.flag(c.HasChallenge)
	w.digest(c.Challenge)
	w.text(c.ClientID)
	w.text(c.UserID)
	w.text(string(c.Scope))
	w.text(string(c.Resources))
	w.text(c.RedirectURI)
	return w
}

func decodeCode(record string) (*model.AuthorizationCode, error) {
	r := openRecord(record)
	c := &model.AuthorizationCode{
		IssuedAt: r.time(), ExpiresAt: r.time(), RetainUntil: r.time(),
		RedirectURISent: r.flag(), HasChallenge: r.flag(), Challenge: r.digest(),
		ClientID: r.text(), UserID: r.text(), Scope: model.Scope(r.text()), Resources: model.Resources(r.text()),
		RedirectURI: r.text(),
	}
	if r.bad {
		return nil, errRecord
	}
	return c, nil
}

func encodeToken(t *model.Token) []byte {
	w := newRecord(t.Access, t.RetainUntil())
	w.digest(t.Refresh)
	w.time(t.IssuedAt)
	w.time(t.AccessExpiresAt)
	w.time(t.RefreshExpiresAt)
	w.time(t.GrantExpiresAt)
	w.text(t.ClientID)
	w.text(t.UserID)
	w.text(string(t.Scope))
	w.text(string(t.GrantScope))
	w.text(string(t.Resources))
	w.text(string(t.GrantResources))
	w.flag(t.Extra != nil)
	w.text(string(t.Extra))
	return w
}

func decodeToken(record string) (*model.Token, error) {
	r := openRecord(record)
	t := &model.Token{
		Refresh: r.digest(), IssuedAt: r.time(), AccessExpiresAt: r.time(), RefreshExpiresAt: r.time(), GrantExpiresAt: r.time(),
		ClientID: r.text(), UserID: r.text(), Scope: model.Scope(r.text()), GrantScope: model.Scope(r.text()),
		Resources: model.Resources(r.text()), GrantResources: model.Resources(r.text()),
	}
	if hasExtra, extra := r.flag(), r.text(); hasExtra {
		t.Extra = json.RawMessage(extra)
	}
	if r.bad {
		return nil, errRecord
	}
	copy(t.Access[:], record)
	return t, nil
}

// grantInfo is what a list shows of a grant and is the same for its tokens, or that
// of the latest.
type grantInfo = model.GrantInfo

func encodeInfo(g *grantInfo) []byte {
	w := append(make(writer, 0, 128), version)
	w.time(g.LastUsedAt)
	w.time(g.ExpiresAt)
	w.text(g.ClientID)
	w.text(g.UserID)
	w.text(string(g.Scope))
	w.text(string(g.Resources))
	return w
}

func decodeInfo(record string) (*grantInfo, error) {
	r := &reader{rest: record}
	r.version()
	g := &grantInfo{
		LastUsedAt: r.time(), ExpiresAt: r.time(),
		ClientID: r.text(), UserID: r.text(), Scope: model.Scope(r.text()), Resources: model.Resources(r.text()),
	}
	if r.bad {
		return nil, errRecord
	}
	return g, nil
}

// spentAt reads when a refresh token was spent from its mark.
func spentAt(mark string) (time.Time, error) {
	if len(mark) < 2*digestLen {
		return time.Time{}, errRecord
	}
	_, at, _ := strings.Cut(mark[2*digestLen:], " ")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return time.Time{}, errRecord
	}
	return time.UnixMilli(ms).UTC(), nil
}
