package memstore

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.DeviceModel = (*Store)(nil)

// removedPerSave is how many device codes a save may remove that need no longer
// be kept: more than it adds, so the store does not grow from them.
const removedPerSave = 2

// devices holds the device codes. They are few and short-lived, so they have one
// lock, which is taken before that of a shard.
type devices struct {
	mu      sync.Mutex
	byUser  map[model.Digest]*deviceRecord
	byGrant map[model.GrantID]*deviceRecord
	oldest  deviceHeap
	round   round
}

// deviceRecord is a stored device code.
type deviceRecord struct {
	code  model.DeviceCode
	index int // in the heap
}

// deviceHeap has the code that may go first at its root.
type deviceHeap []*deviceRecord

func (h deviceHeap) Len() int { return len(h) }
func (h deviceHeap) Less(i, j int) bool {
	return h[i].code.RetainUntil.Before(h[j].code.RetainUntil)
}
func (h deviceHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *deviceHeap) Push(x any) {
	r := x.(*deviceRecord)
	r.index = len(*h)
	*h = append(*h, r)
}
func (h *deviceHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return r
}

// SaveDeviceCode implements [model.DeviceModel].
func (s *Store) SaveDeviceCode(ctx context.Context, code *model.DeviceCode) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d := &s.devices
	d.mu.Lock()
	defer d.mu.Unlock()
	sameUser, sameGrant := d.byUser[code.UserCode], d.byGrant[code.Key.Grant]
	for _, old := range []*deviceRecord{sameUser, sameGrant} {
		if old != nil && old.code.RetainUntil.After(code.IssuedAt) {
			return model.ErrExists
		}
	}
	if s.isOpen(code.Key.Grant) {
		return model.ErrExists
	}
	s.pause(ctx)
	d.remove(sameUser)
	if sameGrant != sameUser {
		d.remove(sameGrant)
	}
	d.insert(code)
	return nil
}

// isOpen reports whether a grant is there.
func (s *Store) isOpen(id model.GrantID) bool {
	sh := s.shard(id)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	_, ok := sh.grants[id]
	return ok
}

func (d *devices) insert(code *model.DeviceCode) {
	if d.byUser == nil {
		d.byUser, d.byGrant, d.round = map[model.Digest]*deviceRecord{}, map[model.GrantID]*deviceRecord{}, newRound()
	}
	r := &deviceRecord{code: *code}
	d.byUser[code.UserCode], d.byGrant[code.Key.Grant] = r, r
	heap.Push(&d.oldest, r)
	d.round.insert(code.IssuedAt.UnixMilli())
	d.expire(d.round.now, removedPerSave)
}

// expire removes at most limit codes whose retention has ended.
func (d *devices) expire(now int64, limit int) (removed int) {
	for removed < limit && len(d.oldest) > 0 && d.oldest[0].code.RetainUntil.UnixMilli() <= now {
		d.remove(d.oldest[0])
		removed++
	}
	return removed
}

func (d *devices) remove(r *deviceRecord) {
	if r == nil {
		return
	}
	delete(d.byUser, r.code.UserCode)
	delete(d.byGrant, r.code.Key.Grant)
	heap.Remove(&d.oldest, r.index)
}

// sweep is the devices' part of Sweep. It lets others in now and then.
func (d *devices) sweep(now time.Time, limit int) (removed int) {
	for removed < limit {
		atOnce := min(limit-removed, slotsPerLock)
		d.mu.Lock()
		n := d.expire(now.UnixMilli(), atOnce)
		d.mu.Unlock()
		if removed += n; n < atOnce {
			break
		}
	}
	return removed
}

// byKey finds a code by its key, or returns nil.
func (d *devices) byKey(key model.Key) *deviceRecord {
	r := d.byGrant[key.Grant]
	if r == nil || key.Digest.IsZero() || r.code.Key.Digest != key.Digest {
		return nil
	}
	return r
}

// GetDeviceCode implements [model.DeviceModel].
func (s *Store) GetDeviceCode(ctx context.Context, userCode model.Digest) (*model.DeviceCode, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d := &s.devices
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.byUser[userCode]
	if r == nil || userCode.IsZero() {
		return nil, model.ErrNotFound
	}
	code := r.code
	return &code, nil
}

// DecideDeviceCode implements [model.DeviceModel].
func (s *Store) DecideDeviceCode(ctx context.Context, key model.Key, status model.DeviceStatus, userID string, scope model.Scope) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if status != model.DeviceApproved && status != model.DeviceDenied {
		return errNoDecision
	}
	d := &s.devices
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.byKey(key)
	switch {
	case r == nil:
		return model.ErrNotFound
	case r.code.Status != model.DevicePending:
		return model.ErrSpent
	}
	s.pause(ctx)
	r.code.Status, r.code.UserID, r.code.Scope = status, userID, scope
	return nil
}

// PollDeviceCode implements [model.DeviceModel].
func (s *Store) PollDeviceCode(ctx context.Context, key model.Key, clientID string, now time.Time, slowDown time.Duration) (*model.DeviceCode, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	d := &s.devices
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.byKey(key)
	if r == nil {
		return nil, false, model.ErrNotFound
	}
	if r.code.ClientID != clientID {
		code := r.code
		return &code, false, nil
	}
	s.pause(ctx)
	tooSoon := !r.code.PolledAt.IsZero() && now.Sub(r.code.PolledAt) < r.code.Interval
	if tooSoon {
		r.code.Interval += slowDown
	}
	r.code.PolledAt = now
	code := r.code
	return &code, tooSoon, nil
}

// RedeemDeviceCode implements [model.DeviceModel].
func (s *Store) RedeemDeviceCode(ctx context.Context, key model.Key, token *model.Token) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if token.GrantID != key.Grant {
		return errOtherGrant
	}
	d := &s.devices
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.byKey(key)
	switch {
	case r == nil:
		return model.ErrNotFound
	case r.code.Status == model.DeviceSpent:
		return model.ErrSpent
	case r.code.Status != model.DeviceApproved:
		return model.ErrNotFound
	}
	// The token and the mark become visible at once: whoever wants to see the
	// mark waits for the lock that is held here.
	if err := s.SaveToken(ctx, token); err != nil {
		return err
	}
	r.code.Status = model.DeviceSpent
	return nil
}

// RevokeDeviceCodes implements [model.DeviceModel].
func (s *Store) RevokeDeviceCodes(ctx context.Context, filter model.GrantFilter) (revoked int, err error) {
	if err := errors.Join(ctx.Err(), filter.Check()); err != nil {
		return 0, err
	}
	d := &s.devices
	d.mu.Lock()
	defer d.mu.Unlock()
	s.pause(ctx)
	for _, r := range d.oldest {
		c := &r.code
		if c.Status == model.DeviceApproved && (filter.UserID == "" || filter.UserID == c.UserID) && (filter.ClientID == "" || filter.ClientID == c.ClientID) {
			c.Status = model.DeviceDenied
			revoked++
		}
	}
	return revoked, nil
}
