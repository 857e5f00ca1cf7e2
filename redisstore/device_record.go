package redisstore

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// nameLen is the length of the random name of a reservation.
const nameLen = 16

// encodeDevice packs what of a device code does not change. The rest are fields of
// their own; see device_save.lua.
func encodeDevice(c *model.DeviceCode) []byte {
	w := newRecord(c.Key.Digest, c.RetainUntil)
	w.digest(c.UserCode)
	w.time(c.IssuedAt)
	w.time(c.ExpiresAt)
	w.time(c.RetainUntil)
	w.text(c.ClientID)
	w.text(string(c.Resources))
	return w
}

// decodeDevice reads the record and the fields ds, du, dc, di and dp.
func decodeDevice(id model.GrantID, fields []string) (*model.DeviceCode, error) {
	r := openRecord(fields[0])
	c := &model.DeviceCode{
		UserCode: r.digest(), IssuedAt: r.time(), ExpiresAt: r.time(), RetainUntil: r.time(),
		ClientID: r.text(), Resources: model.Resources(r.text()),
		UserID: fields[2], Scope: model.Scope(fields[3]),
	}
	if fields[1] == "" { // see device_save.lua
		fields[1] = strconv.Itoa(int(model.DeviceDenied))
	}
	status, err := strconv.ParseUint(fields[1], 10, 8)
	interval, err2 := strconv.ParseInt(fields[4], 10, 64)
	if r.bad || err != nil || err2 != nil {
		return nil, errRecord
	}
	c.Key.Grant, c.Status, c.Interval = id, model.DeviceStatus(status), time.Duration(interval)*time.Millisecond
	copy(c.Key.Digest[:], fields[0])
	if fields[5] != "" {
		ms, err := strconv.ParseInt(fields[5], 10, 64)
		if err != nil {
			return nil, errRecord
		}
		c.PolledAt = time.UnixMilli(ms).UTC()
	}
	return c, nil
}

// reservation is what stands under a user code: all that the save needs, so that
// whoever finds it can finish a save that is under way or was broken off.
type reservation struct {
	name     string
	grant    model.GrantID
	issued   time.Time
	retain   time.Time
	clientID string
	scope    model.Scope
	interval int64 // ms
	record   string
	packed   string // all of it as it is stored
}

func reserve(c *model.DeviceCode) *reservation {
	var name [nameLen]byte
	_, _ = rand.Read(name[:]) // never fails
	v := &reservation{
		name: string(name[:]), grant: c.Key.Grant, issued: c.IssuedAt, retain: c.RetainUntil,
		clientID: c.ClientID, scope: c.Scope, interval: c.Interval.Milliseconds(), record: string(encodeDevice(c)),
	}
	w := append(make(writer, 0, 512), name[:]...)
	w = strconv.AppendInt(w, c.RetainUntil.UnixMilli(), 10)
	w = append(append(w, ' ', version), v.grant[:]...)
	w.time(v.issued)
	w.time(v.retain)
	w.time(time.UnixMilli(v.interval))
	w.text(v.clientID)
	w.text(string(v.scope))
	w.text(v.record)
	v.packed = string(w)
	return v
}

func parseReservation(packed string) (*reservation, error) {
	r := &reader{rest: packed}
	v := &reservation{name: r.take(nameLen), packed: packed}
	_, r.rest, _ = strings.Cut(r.rest, " ")
	r.version()
	copy(v.grant[:], r.take(len(v.grant)))
	v.issued, v.retain, v.interval = r.time(), r.time(), r.time().UnixMilli()
	v.clientID, v.scope, v.record = r.text(), model.Scope(r.text()), r.text()
	if r.bad {
		return nil, errRecord
	}
	return v, nil
}
