package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// Text writes what was measured for the terminal. The first of the peers is what
// the others are compared with.
func Text(w io.Writer, r *Results, peers []peer.Peer, names []workload.Name) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, place := range []Place{Loopback, InProcess} {
		for _, name := range names {
			if len(r.Samples[Key{place, name, peers[0].Name}]) == 0 {
				continue
			}
			fmt.Fprintf(tw, "\n%s, %s\t", place, name.Title())
			fmt.Fprint(tw, "CPU/op us\tratio\tspread\tof the least\t")
			if place == Loopback {
				fmt.Fprintln(tw, "ops/s\tp50 us\tp99 us\tpeak MB\t")
			} else {
				fmt.Fprintln(tw, "allocs/op\tbytes/op\t")
			}
			for _, p := range peers {
				k := Key{place, name, p.Name}
				if len(r.Samples[k]) == 0 {
					continue
				}
				ratio := r.Ratio(k, peers[0].Name)
				least, greatest := ratio.Spread()
				of := func(f func(Sample) float64) float64 { return r.Of(k, f).Median() }
				fmt.Fprintf(tw, "%s\t%.2f\t%.3f\t%.2f-%.2f\t%.3f\t", p.Name, of(cpu)/1e3, ratio.Median(), least, greatest, leastOf(r, k)/leastOf(r, Key{place, name, peers[0].Name}))
				if place == Loopback {
					fmt.Fprintf(tw, "%.0f\t%.0f\t%.0f\t%.0f\t\n", of(perSecond), of(p50)/1e3, of(p99)/1e3, of(maxRSS)/1e6)
				} else {
					fmt.Fprintf(tw, "%.1f\t%.0f\t\n", of(allocs), of(bytes))
				}
			}
			_ = tw.Flush()
		}
	}
	if len(r.Memory) == 0 {
		return
	}
	fmt.Fprintln(tw, "\na million live tokens\theap B/token\tfull GC ms\tpeak MB\t")
	for _, p := range peers {
		m := r.Memory[p.Name]
		fmt.Fprintf(tw, "%s\t%.0f\t%.1f\t%.0f\t\n", p.Name, m.PerToken, m.Collection/1e6, m.MaxRSS/1e6)
	}
	_ = tw.Flush()
}

func cpu(s Sample) float64       { return s.CPU }
func perSecond(s Sample) float64 { return s.PerSecond }
func p50(s Sample) float64       { return s.P50 }
func p99(s Sample) float64       { return s.P99 }
func maxRSS(s Sample) float64    { return s.MaxRSS }
func allocs(s Sample) float64    { return s.Allocs }
func bytes(s Sample) float64     { return s.Bytes }

// leastOf returns the processor time of the round that was disturbed least.
func leastOf(r *Results, k Key) float64 {
	least, _ := r.Of(k, cpu).Spread()
	return least
}
