package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"sync"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// A drawer keeps the demo's own things, where every program on the store finds
// them: notes, and how far the demo client got with a browser. An application has
// tables in this place.
type drawer interface {
	// read returns what is kept under a name, nil if nothing is.
	read(ctx context.Context, name string) ([]byte, error)
	// update keeps what change makes of what is there, for a while from now; nil
	// takes it out. Of two updates at once none is lost, so change may be called
	// more than once.
	update(ctx context.Context, name string, keep time.Duration, change func(old []byte) ([]byte, error)) error
	model.Sweeper
}

// drawerName makes a name of a kind and of what tells one of the kind from the
// others, which is not to be read in the store.
func drawerName(kind, of string) string {
	sum := sha256.Sum256([]byte(of))
	return kind + ":" + hex.EncodeToString(sum[:])
}

// maxInMemory is how many things a drawer in memory has room for; the one that
// would go first goes when one more comes.
const maxInMemory = 1000

// memoryDrawer is a drawer for one program.
type memoryDrawer struct {
	mu   sync.Mutex
	kept map[string]kept
	now  func() time.Time
}

type kept struct {
	value []byte
	until time.Time
}

func newMemoryDrawer(now func() time.Time) *memoryDrawer {
	return &memoryDrawer{kept: map[string]kept{}, now: now}
}

func (d *memoryDrawer) get(name string) []byte {
	k, ok := d.kept[name]
	if !ok || !k.until.After(d.now()) {
		return nil
	}
	return k.value
}

func (d *memoryDrawer) read(_ context.Context, name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.get(name), nil
}

func (d *memoryDrawer) update(_ context.Context, name string, keep time.Duration, change func([]byte) ([]byte, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	value, err := change(d.get(name))
	if err != nil {
		return err
	}
	delete(d.kept, name)
	if value != nil {
		d.makeRoom()
		d.kept[name] = kept{value, d.now().Add(keep)}
	}
	return nil
}

func (d *memoryDrawer) makeRoom() {
	if len(d.kept) < maxInMemory {
		return
	}
	var first string
	for name, k := range d.kept {
		if first == "" || k.until.Before(d.kept[first].until) {
			first = name
		}
	}
	delete(d.kept, first)
}

// Sweep implements [model.Sweeper].
func (d *memoryDrawer) Sweep(_ context.Context, now time.Time, _ int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.kept)
	maps.DeleteFunc(d.kept, func(_ string, k kept) bool { return !k.until.After(now) })
	return before - len(d.kept), nil
}
