// Package report turns what was measured into tables and a picture.
package report

import (
	"slices"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// Sample is one stretch of load. What does not apply is zero.
type Sample struct {
	// CPU is the processor time of the server for one operation, P50 and P99 how
	// long operations took, all in nanoseconds.
	CPU float64 `json:"cpu"`
	P50 float64 `json:"p50,omitempty"`
	P99 float64 `json:"p99,omitempty"`
	// PerSecond is how many operations were completed in a second.
	PerSecond float64 `json:"per_second,omitempty"`
	// Allocs and Bytes are what an operation allocates.
	Allocs float64 `json:"allocs,omitempty"`
	Bytes  float64 `json:"bytes,omitempty"`
	// MaxRSS is the most memory that the process had, in bytes.
	MaxRSS float64 `json:"max_rss,omitempty"`
}

// Place says how a workload was run.
type Place string

// The places.
const (
	Loopback  Place = "loopback"
	InProcess Place = "in process"
)

// Key names what a series of samples is about.
type Key struct {
	Place    Place         `json:"place"`
	Workload workload.Name `json:"workload"`
	Peer     string        `json:"peer"`
}

// Memory is what a million live tokens cost.
type Memory struct {
	// PerToken is the live heap of one in bytes, Collection the time of a full
	// collection in nanoseconds, MaxRSS the most memory of the process in bytes.
	PerToken   float64 `json:"per_token"`
	Collection float64 `json:"collection"`
	MaxRSS     float64 `json:"max_rss"`
}

// Results are all samples of a run, of each key one a round.
type Results struct {
	Samples map[Key][]Sample
	Memory  map[string]Memory
}

// Series is a figure in each round.
type Series []float64

// Add adds the sample of one round.
func (r *Results) Add(place Place, name workload.Name, peer string, s Sample) {
	k := Key{place, name, peer}
	r.Samples[k] = append(r.Samples[k], s)
}

// Of returns one figure of all samples of a key.
func (r *Results) Of(k Key, figure func(Sample) float64) Series {
	s := Series{}
	for _, sample := range r.Samples[k] {
		s = append(s, figure(sample))
	}
	return s
}

// Ratio returns the processor time of a peer over the bare handler's, round by
// round.
func (r *Results) Ratio(k Key, bare string) Series {
	s := Series{}
	limit := r.Samples[Key{k.Place, k.Workload, bare}]
	for i, sample := range r.Samples[k] {
		if i < len(limit) {
			s = append(s, sample.CPU/limit[i].CPU)
		}
	}
	return s
}

// Median returns the middle of the series, or zero if there is none.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Spread returns the least and the greatest of the series.
func (s Series) Spread() (least, greatest float64) {
	if len(s) == 0 {
		return 0, 0
	}
	return slices.Min(s), slices.Max(s)
}
