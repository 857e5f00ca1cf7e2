package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// What need no longer be kept makes room. Two statements find it by an index each.
	freeUserCode    = `DELETE FROM {prefix}devices WHERE user_code = ? AND keep_until <= ?`
	freeDeviceGrant = `DELETE FROM {prefix}devices WHERE grant_id = ? AND keep_until <= ?`

	grantIsOpen = `SELECT id FROM {prefix}grants WHERE id = ?`

	insertDevice = `INSERT {ignore} INTO {prefix}devices
	(grant_id, digest, user_code, client_id, user_id, scope, resources, issued_at, expires_at, keep_until, interval_ms)
	VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?) {conflict}`
)

// SaveDeviceCode implements [model.DeviceModel].
func (s *Store) SaveDeviceCode(ctx context.Context, code *model.DeviceCode) error {
	return fault("save device code", s.saveDevice(ctx, code))
}

func (s *Store) saveDevice(ctx context.Context, c *model.DeviceCode) error {
	if err := refuse(field{"the client id", c.ClientID, maxClientID}, field{"the scope", string(c.Scope), maxText}, field{"the resources", string(c.Resources), maxText}); err != nil {
		return err
	}
	id, user, issued := c.Key.Grant[:], c.UserCode[:], c.IssuedAt.UnixMilli()
	return s.transaction(ctx, func(tx *tx) error {
		if _, err := tx.exec(ctx, freeUserCode, user, issued); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, freeDeviceGrant, id, issued); err != nil {
			return err
		}
		var open model.GrantID
		if err := tx.queryRow(ctx, grantIsOpen, []any{id}, bytes16{&open}); !errors.Is(err, sql.ErrNoRows) {
			return existsUnless(0, err)
		}
		return existsUnless(tx.exec(ctx, insertDevice, id, c.Key.Digest[:], user, c.ClientID, string(c.Scope), string(c.Resources),
			issued, c.ExpiresAt.UnixMilli(), c.RetainUntil.UnixMilli(), c.Interval.Milliseconds()))
	})
}

const (
	deviceColumns   = `grant_id, digest, user_code, client_id, user_id, scope, resources, status, issued_at, expires_at, keep_until, interval_ms, polled_at`
	getDeviceByUser = `SELECT ` + deviceColumns + ` FROM {prefix}devices WHERE user_code = ?`
	getDeviceByKey  = `SELECT ` + deviceColumns + ` FROM {prefix}devices WHERE grant_id = ? AND digest = ?`
)

// scanDevice reads a device code with the query that it is given.
func scanDevice(query func(dest ...any) error) (*model.DeviceCode, error) {
	c := new(model.DeviceCode)
	var issued, expires, keep, interval int64
	var polled sql.NullInt64
	err := query(bytes16{&c.Key.Grant}, bytes32{(*[32]byte)(&c.Key.Digest)}, bytes32{(*[32]byte)(&c.UserCode)}, &c.ClientID, &c.UserID, &c.Scope, &c.Resources,
		&c.Status, &issued, &expires, &keep, &interval, &polled)
	if err != nil {
		return nil, notFound(err)
	}
	c.IssuedAt, c.ExpiresAt, c.RetainUntil, c.PolledAt = fromMilli(issued), fromMilli(expires), fromMilli(keep), fromMilliOrNull(polled)
	c.Interval = time.Duration(interval) * time.Millisecond
	return c, nil
}

// GetDeviceCode implements [model.DeviceModel].
func (s *Store) GetDeviceCode(ctx context.Context, userCode model.Digest) (*model.DeviceCode, error) {
	if userCode.IsZero() {
		return nil, model.ErrNotFound
	}
	c, err := scanDevice(func(dest ...any) error { return s.queryRow(ctx, getDeviceByUser, []any{userCode[:]}, dest...) })
	return c, fault("get device code", err)
}

func (s *Store) deviceByKey(ctx context.Context, key model.Key) (*model.DeviceCode, error) {
	return scanDevice(func(dest ...any) error {
		return s.queryRow(ctx, getDeviceByKey, []any{key.Grant[:], key.Digest[:]}, dest...)
	})
}

const decideDevice = `UPDATE {prefix}devices SET status = ?, user_id = ?, scope = ? WHERE grant_id = ? AND digest = ? AND status = 0`

// DecideDeviceCode implements [model.DeviceModel].
func (s *Store) DecideDeviceCode(ctx context.Context, key model.Key, status model.DeviceStatus, userID string, scope model.Scope) error {
	return fault("decide device code", s.decideDevice(ctx, key, status, userID, scope))
}

func (s *Store) decideDevice(ctx context.Context, key model.Key, status model.DeviceStatus, userID string, scope model.Scope) error {
	if status != model.DeviceApproved && status != model.DeviceDenied {
		return errors.New("a decision is approved or denied")
	}
	if err := refuse(field{"the user id", userID, maxUserID}, field{"the scope", string(scope), maxText}); err != nil {
		return err
	}
	if key.Digest.IsZero() {
		return model.ErrNotFound
	}
	changed, err := s.exec(ctx, decideDevice, int64(status), userID, string(scope), key.Grant[:], key.Digest[:])
	if err != nil || changed > 0 {
		return err
	}
	if _, err := s.deviceByKey(ctx, key); err != nil {
		return err
	}
	return model.ErrSpent // it never becomes pending again
}

const (
	lockDevice = getDeviceByKey + ` {lock}`

	notePoll = `UPDATE {prefix}devices SET interval_ms = ?, polled_at = ? WHERE grant_id = ? AND digest = ?`
)

// PollDeviceCode implements [model.DeviceModel].
func (s *Store) PollDeviceCode(ctx context.Context, key model.Key, clientID string, now time.Time, slowDown time.Duration) (code *model.DeviceCode, tooSoon bool, err error) {
	if key.Digest.IsZero() {
		return nil, false, model.ErrNotFound
	}
	err = s.transaction(ctx, func(tx *tx) error {
		tooSoon = false
		code, err = scanDevice(func(dest ...any) error {
			return tx.queryRow(ctx, lockDevice, []any{key.Grant[:], key.Digest[:]}, dest...)
		})
		if err != nil || code.ClientID != clientID {
			return err
		}
		if tooSoon = !code.PolledAt.IsZero() && now.Sub(code.PolledAt) < code.Interval; tooSoon {
			code.Interval += slowDown
		}
		code.PolledAt = now
		_, err := tx.exec(ctx, notePoll, code.Interval.Milliseconds(), now.UnixMilli(), key.Grant[:], key.Digest[:])
		return err
	})
	if err != nil {
		return nil, false, fault("poll device code", err)
	}
	return code, tooSoon, nil
}

const spendDevice = `UPDATE {prefix}devices SET status = 3 WHERE grant_id = ? AND digest = ? AND status = 1`

// RedeemDeviceCode implements [model.DeviceModel].
func (s *Store) RedeemDeviceCode(ctx context.Context, key model.Key, token *model.Token) error {
	return fault("redeem device code", s.redeemDevice(ctx, key, token))
}

func (s *Store) redeemDevice(ctx context.Context, key model.Key, t *model.Token) error {
	if err := refuseToken(key, t); err != nil {
		return err
	}
	if key.Digest.IsZero() {
		return model.ErrNotFound
	}
	done, err := unlessUnchanged(s.transaction(ctx, func(tx *tx) error {
		if err := tx.mustChange(ctx, spendDevice, key.Grant[:], key.Digest[:]); err != nil {
			return err
		}
		return tx.open(ctx, t)
	}))
	if err != nil || done {
		return err
	}
	c, err := s.deviceByKey(ctx, key)
	switch {
	case err != nil:
		return err
	case c.Status == model.DeviceSpent:
		return model.ErrSpent
	}
	return model.ErrNotFound
}

const revokeDevices = `UPDATE {prefix}devices SET status = 2 WHERE status = 1`

// RevokeDeviceCodes implements [model.DeviceModel]. It looks at every device code
// that there is; they live for minutes.
func (s *Store) RevokeDeviceCodes(ctx context.Context, filter model.GrantFilter) (revoked int, err error) {
	if err := filter.Check(); err != nil {
		return 0, err
	}
	if !storableFilter(filter) {
		return 0, nil
	}
	condition, args := where(filter)
	n, err := s.execCommitted(ctx, revokeDevices+condition, args...)
	return int(n), fault("revoke device codes", err)
}
