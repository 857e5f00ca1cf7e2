package engine

import (
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHeaderValues(t *testing.T) {
	t.Parallel()
	t.Run("a value that came before is allocated once", func(t *testing.T) {
		t.Parallel()
		var v headerValues
		first := v.join("read", "write")
		assert.Equal(t, []string{"read write"}, first)
		assert.Same(t, &first[0], &v.join("read", "write")[0])
		assert.Same(t, &first[0], &v.join("read write")[0])
		assert.Equal(t, []string{""}, v.join())
	})
	t.Run("what is kept is bounded, and right beyond it", func(t *testing.T) {
		t.Parallel()
		var v headerValues
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for i := range 4 * maxHeaderValues {
					assert.Equal(t, []string{"scope-" + strconv.Itoa(i)}, v.join("scope-"+strconv.Itoa(i)))
				}
			})
		}
		wg.Wait()
		assert.Len(t, *v.known.Load(), maxHeaderValues)
	})
}
