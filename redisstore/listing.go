package redisstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gin-oauth/gin-oauth-server/model"
)

var _ model.GrantModel = (*Store)(nil)

// atOnce is how many grants of an index are looked at in one round trip.
const atOnce = 500

// ListGrants implements [model.GrantModel]. It reads the index of the user, or, with
// a client alone, the 16 of the client, and looks at each grant in them, 500 in a
// round trip: the cost is that of all that is indexed, whatever the limit.
func (s *Store) ListGrants(ctx context.Context, filter model.GrantFilter, now time.Time, limit int) ([]model.GrantInfo, error) {
	const what = "list grants"
	var found []model.GrantInfo
	newest := func(a, b model.GrantInfo) int {
		return cmp.Or(b.IssuedAt.Compare(a.IssuedAt), slices.Compare(a.ID[:], b.ID[:]))
	}
	err := s.selected(ctx, filter, func(g *indexed) error {
		if g.liveUntil <= now.UnixMilli() {
			return nil
		}
		// The list is cut now and then, so that it never holds all that a client has.
		if found = append(found, g.GrantInfo); limit > 0 && len(found) >= 2*limit+64 {
			slices.SortFunc(found, newest)
			found = found[:limit]
		}
		return nil
	}, nil)
	if err != nil {
		return nil, fault(what, err)
	}
	slices.SortFunc(found, newest)
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return found, nil
}

// RevokeGrants implements [model.GrantModel]. It costs what ListGrants costs, and
// one script for each grant that it revokes, 500 in a round trip.
func (s *Store) RevokeGrants(ctx context.Context, filter model.GrantFilter) (revoked int, err error) {
	const what = "revoke grants"
	var calls []call
	err = s.selected(ctx, filter, func(g *indexed) error {
		calls = append(calls, *s.revocation(g.ID))
		return nil
	}, func() error {
		answers, err := s.runAll(ctx, calls)
		for _, answer := range answers {
			if answer == "ok" {
				revoked++
			}
		}
		calls = calls[:0]
		return err
	})
	if err != nil {
		return revoked, fault(what, err)
	}
	return revoked, nil
}

// indexed is a grant that was found through an index and is not revoked.
type indexed struct {
	model.GrantInfo
	liveUntil int64 // ms
}

// selected calls each for every grant that the filter selects and that is not
// revoked, and after, which may be nil, after some of them.
func (s *Store) selected(ctx context.Context, filter model.GrantFilter, each func(*indexed) error, after func() error) error {
	return s.members(ctx, filter, func(ids []model.GrantID) error {
		grants, err := s.indexedGrants(ctx, ids)
		if err != nil {
			return err
		}
		for i := range grants {
			g := &grants[i]
			if filter.UserID != "" && g.UserID != filter.UserID || filter.ClientID != "" && g.ClientID != filter.ClientID {
				continue
			}
			if err := each(g); err != nil {
				return err
			}
		}
		if after == nil {
			return nil
		}
		return after()
	})
}

// members calls do with the ids in the indexes of the filter, some at a time.
func (s *Store) members(ctx context.Context, filter model.GrantFilter, do func([]model.GrantID) error) error {
	if err := filter.Check(); err != nil {
		return err
	}
	var keys []string
	if filter.UserID != "" {
		keys = append(keys, s.userIndex(filter.UserID))
	} else {
		for part := range byte(parts) {
			keys = append(keys, s.clientIndex(filter.ClientID, part))
		}
	}
	for _, key := range keys {
		err := s.scan(ctx, key, func(members []string) error {
			ids := make([]model.GrantID, len(members))
			for i, m := range members {
				if copy(ids[i][:], m) != len(m) || len(m) != len(ids[i]) {
					return errRecord
				}
			}
			return do(ids)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// indexedGrants reads the grants with these ids that are open and not revoked, nor
// at their end with the one access token that they had.
func (s *Store) indexedGrants(ctx context.Context, ids []model.GrantID) ([]indexed, error) {
	pipe := s.client.Pipeline()
	cmds := make([]*redis.SliceCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.HMGet(ctx, s.grantKey(id), "o", "l", "g")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	var grants []indexed
	for i, cmd := range cmds {
		fields := texts(cmd.Val())
		opened, live, info := fields[0], fields[1], fields[2]
		if opened == "" || live == "" || info == "" {
			continue
		}
		g, err := decodeInfo(info)
		if err != nil {
			return nil, err
		}
		openedMs, err1 := strconv.ParseInt(opened, 10, 64)
		liveMs, err2 := strconv.ParseInt(live, 10, 64)
		if cmp.Or(err1, err2) != nil {
			return nil, errRecord
		}
		g.ID, g.IssuedAt = ids[i], time.UnixMilli(openedMs).UTC()
		grants = append(grants, indexed{*g, liveMs})
	}
	return grants, nil
}
