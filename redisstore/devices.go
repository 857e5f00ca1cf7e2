package redisstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.DeviceModel = (*Store)(nil)

var errNoDecision = errors.New("redisstore: a decision on a device code is approved or denied")

// A device code is in the hash of its grant, so that redeeming it and opening the
// grant are one script. The user code is a key of its own, in another slot. A save
// writes that first: a reservation with all that is to be saved. Then it saves.
//
// Between the two the code is neither there nor not. So nobody answers from a
// reservation alone. Whoever comes across one whose code is not there, to look it up
// or to take the same user code, first finishes the save, which is the same script
// and does nothing the second time. If the grant turns out to be taken, the user code
// is given back. The code is there from the moment that the first of them saved it,
// for everybody, and one who crashes between the two leaves nothing that is in the
// way: the next finishes it.
//
// The reservation is older than the code and so expires no later.

func (s *Store) userCodeKey(d model.Digest) string {
	return s.prefix + "device:" + base64.RawURLEncoding.EncodeToString(d[:])
}

// SaveDeviceCode implements [model.DeviceModel].
func (s *Store) SaveDeviceCode(ctx context.Context, code *model.DeviceCode) error {
	const what = "save device code"
	own, key := reserve(code), s.userCodeKey(code.UserCode)
	for {
		held, err := s.status(ctx, &call{
			script: &s.scripts.deviceReserve, keys: []string{key},
			args: []any{own.packed, code.IssuedAt.UnixMilli(), s.ttl(code.IssuedAt, code.RetainUntil)},
		})
		if err != nil {
			return fault(what, err)
		}
		if held == "ok" {
			return s.finishDevice(ctx, what, key, own)
		}
		other, err := parseReservation(held)
		if err != nil {
			return fault(what, err)
		}
		if err := s.finishDevice(ctx, what, key, other); err == nil {
			return model.ErrExists
		} else if !errors.Is(err, model.ErrExists) {
			return err
		}
		// The other could not be saved and was taken away. Once more.
	}
}

// finishDevice saves what was reserved, unless it was saved before. If it cannot be,
// it gives the user code back and returns ErrExists.
func (s *Store) finishDevice(ctx context.Context, what, key string, v *reservation) error {
	ttl := s.ttl(v.issued, v.retain)
	args := []any{v.name, v.issued.UnixMilli(), ttl, v.record, v.clientID, string(v.scope), v.interval}
	// The client's index comes before, like that of a grant: RevokeDeviceCodes finds
	// the code through it.
	index := call{script: &s.scripts.index, keys: []string{s.clientIndex(v.clientID, v.grant[0]%parts)}, args: []any{string(v.grant[:]), ttl + s.skew}}
	if _, err := s.status(ctx, &index); err != nil {
		return fault(what+": write the index", err)
	}
	err := s.verb(ctx, what, &call{script: &s.scripts.deviceSave, keys: []string{s.grantKey(v.grant)}, args: args})
	if errors.Is(err, model.ErrExists) {
		if err := s.verb(ctx, what, &call{script: &s.scripts.deviceRelease, keys: []string{key}, args: []any{v.packed}}); err != nil {
			return err
		}
	}
	return err
}

// GetDeviceCode implements [model.DeviceModel].
func (s *Store) GetDeviceCode(ctx context.Context, userCode model.Digest) (*model.DeviceCode, error) {
	const what = "get device code"
	if userCode.IsZero() {
		return nil, model.ErrNotFound
	}
	if err := ctx.Err(); err != nil {
		return nil, fault(what, err)
	}
	key := s.userCodeKey(userCode)
	held, err := s.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return nil, model.ErrNotFound
	} else if err != nil {
		return nil, fault(what, err)
	}
	v, err := parseReservation(held)
	if err != nil {
		return nil, fault(what, err)
	}
	for {
		found, err := s.fields(ctx, v.grant, "d", "ds", "du", "dc", "di", "dp", "dn")
		if err != nil {
			return nil, fault(what, err)
		}
		if found[6] == v.name {
			code, err := decodeDevice(v.grant, found)
			if err != nil {
				return nil, fault(what, err)
			}
			return code, nil
		}
		if err := s.finishDevice(ctx, what, key, v); errors.Is(err, model.ErrExists) {
			return nil, model.ErrNotFound
		} else if err != nil {
			return nil, err
		}
	}
}

// DecideDeviceCode implements [model.DeviceModel].
func (s *Store) DecideDeviceCode(ctx context.Context, key model.Key, status model.DeviceStatus, userID string, scope model.Scope) error {
	const what = "decide device code"
	if status != model.DeviceApproved && status != model.DeviceDenied {
		return errNoDecision
	}
	if key.Digest.IsZero() {
		return model.ErrNotFound
	}
	if err := ctx.Err(); err != nil {
		return fault(what, err)
	}
	// For as long as the code is there it must be found through the user's index.
	left, err := s.client.PTTL(ctx, s.grantKey(key.Grant)).Result()
	if err != nil {
		return fault(what, err)
	}
	if left <= 0 {
		return model.ErrNotFound
	}
	w := &indexedWrite{
		key: s.grantKey(key.Grant), member: string(key.Grant[:]), ttl: left.Milliseconds(), script: &s.scripts.deviceDecide,
		before: []any{key.Digest[:]},
		behind: []any{int(status), userID, string(scope)},
	}
	if userID != "" {
		w.indexes = []string{s.userIndex(userID)}
	}
	return s.write(ctx, what, w)
}

// PollDeviceCode implements [model.DeviceModel].
func (s *Store) PollDeviceCode(ctx context.Context, key model.Key, clientID string, now time.Time, slowDown time.Duration) (*model.DeviceCode, bool, error) {
	const what = "poll device code"
	if key.Digest.IsZero() {
		return nil, false, model.ErrNotFound
	}
	cmd, err := s.run(ctx, &call{
		script: &s.scripts.devicePoll, keys: []string{s.grantKey(key.Grant)},
		args: []any{key.Digest[:], clientID, now.UnixMilli(), slowDown.Milliseconds()},
	})
	if err != nil {
		return nil, false, fault(what, err)
	}
	answer, err := cmd.Slice()
	if err != nil {
		return nil, false, fault(what, err)
	}
	fields := texts(answer)
	switch {
	case len(fields) == 1 && fields[0] == "not found":
		return nil, false, model.ErrNotFound
	case len(fields) != 8:
		return nil, false, fault(what, fmt.Errorf("the script answered %d values", len(fields)))
	}
	code, err := decodeDevice(key.Grant, fields[2:])
	if err != nil {
		return nil, false, fault(what, err)
	}
	return code, fields[1] == "1", nil
}

// RedeemDeviceCode implements [model.DeviceModel].
func (s *Store) RedeemDeviceCode(ctx context.Context, key model.Key, token *model.Token) error {
	if key.Digest.IsZero() {
		return model.ErrNotFound
	}
	if token.GrantID != key.Grant {
		return errOtherGrant
	}
	ttl := s.tokenTTL(token)
	w := s.opening(&s.scripts.deviceRedeem, key.Grant, token.ClientID, token.UserID, ttl)
	w.before = []any{key.Digest[:]}
	w.behind = append([]any{ttl, token.IssuedAt.UnixMilli()}, tokenArgs(token)...)
	return s.write(ctx, "redeem device code", w)
}

// RevokeDeviceCodes implements [model.DeviceModel]. It finds the codes through the
// indexes of the grants, and looks at all that the user, or the client, has.
func (s *Store) RevokeDeviceCodes(ctx context.Context, filter model.GrantFilter) (revoked int, err error) {
	err = s.members(ctx, filter, func(ids []model.GrantID) error {
		calls := make([]call, len(ids))
		for i, id := range ids {
			calls[i] = call{script: &s.scripts.deviceRevoke, keys: []string{s.grantKey(id)}, args: []any{filter.ClientID, filter.UserID}}
		}
		answers, err := s.runAll(ctx, calls)
		for _, answer := range answers {
			if answer == "ok" {
				revoked++
			}
		}
		return err
	})
	if err != nil {
		return revoked, fault("revoke device codes", err)
	}
	return revoked, nil
}
