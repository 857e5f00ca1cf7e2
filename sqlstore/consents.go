package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const listConsents = `SELECT user_id, client_id, resource, scope, given_at, expires_at FROM {prefix}consents WHERE user_id = ?`

// ListConsents implements [model.ConsentModel].
func (s *Store) ListConsents(ctx context.Context, userID, clientID string) ([]model.Consent, error) {
	query, args := listConsents, []any{userID}
	if clientID != "" {
		query, args = listConsents+` AND client_id = ?`, []any{userID, clientID}
	}
	if !storable(userID, maxUserID) || !storable(clientID, maxClientID) {
		return nil, nil
	}
	var found []model.Consent
	err := s.queryAll(ctx, query, args, func() { found = nil }, func(rows *sql.Rows) error {
		var c model.Consent
		var given, expires int64
		err := rows.Scan(&c.UserID, &c.ClientID, &c.Resource, &c.Scope, &given, &expires)
		c.GivenAt, c.ExpiresAt = fromMilli(given), fromMilli(expires)
		found = append(found, c)
		return err
	})
	return found, fault("list consents", err)
}

const (
	insertConsent = `INSERT {ignore} INTO {prefix}consents (id, user_id, client_id, resource, scope, given_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?) {conflict}`

	lockConsent = `SELECT scope, expires_at FROM {prefix}consents WHERE id = ? {lock}`

	updateConsent = `UPDATE {prefix}consents SET scope = ?, given_at = ?, expires_at = ? WHERE id = ?`
)

// consentID names a consent. Its three parts may be too long for a key.
func consentID(c *model.Consent) []byte {
	h := sha256.New()
	for _, part := range []string{c.UserID, c.ClientID, c.Resource} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// AddConsent implements [model.ConsentModel]. The scopes are united in Go, with
// the row locked.
func (s *Store) AddConsent(ctx context.Context, consent *model.Consent) error {
	return fault("add consent", s.addConsent(ctx, consent))
}

func (s *Store) addConsent(ctx context.Context, c *model.Consent) error {
	if c.UserID == "" {
		return errors.New("a consent needs a user")
	}
	if err := refuse(field{"the user id", c.UserID, maxUserID}, field{"the client id", c.ClientID, maxClientID},
		field{"the resource", c.Resource, maxText}, field{"the scope", string(c.Scope), maxText}); err != nil {
		return err
	}
	for {
		done, err := unlessUnchanged(s.transaction(ctx, func(tx *tx) error { return tx.addConsent(ctx, c) }))
		if err != nil || done {
			return err
		}
	}
}

// addConsent changes the consent that is there, or inserts it if there is none. It
// returns errUnchanged if another inserted it in between; its row is then left
// alone until the next attempt locks it, as all do first.
func (t *tx) addConsent(ctx context.Context, c *model.Consent) error {
	id, given, expires := consentID(c), c.GivenAt.UnixMilli(), c.ExpiresAt.UnixMilli()
	var scope model.Scope
	var until int64
	switch err := t.queryRow(ctx, lockConsent, []any{id}, &scope, &until); {
	case errors.Is(err, sql.ErrNoRows):
		return t.mustChange(ctx, insertConsent, id, c.UserID, c.ClientID, c.Resource, string(c.Scope), given, expires)
	case err != nil:
		return err
	}
	if given < until {
		scope = scope.Union(c.Scope)
	} else {
		scope = c.Scope
	}
	if err := refuse(field{"the scope", string(scope), maxText}); err != nil {
		return err
	}
	_, err := t.exec(ctx, updateConsent, string(scope), given, expires, id)
	return err
}

const (
	deleteConsentsOfBoth   = `DELETE FROM {prefix}consents WHERE user_id = ? AND client_id = ?`
	deleteConsentsOfUser   = `DELETE FROM {prefix}consents WHERE user_id = ?`
	deleteConsentsOfClient = `DELETE FROM {prefix}consents WHERE client_id = ?`
)

// DeleteConsents implements [model.ConsentModel]. It is one statement, whose
// transaction is as long as what there is to delete.
func (s *Store) DeleteConsents(ctx context.Context, filter model.GrantFilter) (err error) {
	if err := filter.Check(); err != nil {
		return err
	}
	switch {
	case !storableFilter(filter):
	case filter.UserID == "":
		_, err = s.execCommitted(ctx, deleteConsentsOfClient, filter.ClientID)
	case filter.ClientID == "":
		_, err = s.execCommitted(ctx, deleteConsentsOfUser, filter.UserID)
	default:
		_, err = s.execCommitted(ctx, deleteConsentsOfBoth, filter.UserID, filter.ClientID)
	}
	return fault("delete consents", err)
}

// storableFilter reports whether anything that is stored can match: a database
// may refuse to look for what it does not store.
func storableFilter(f model.GrantFilter) bool {
	return storable(f.UserID, maxUserID) && storable(f.ClientID, maxClientID)
}
