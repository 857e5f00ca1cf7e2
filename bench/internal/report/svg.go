package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/workload"
)

// The measures of the picture, in pixels. There are two columns of panels.
const (
	width      = 860
	panelWidth = 415
	labelWidth = 150
	barsWidth  = 210
	barHeight  = 13
	barStep    = 19
	headHeight = 64
	titleSpace = 30
	panelGap   = 22
	// axis is the ratio at the right end of the bars; what is beyond is cut off
	// and says so.
	axis = 6.0
)

// style is readable on white and on dark pages.
const style = `text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#59636e}
.h{font-size:16px;font-weight:600;fill:#1f2328}.t{font-size:13px;font-weight:600;fill:#1f2328}
.o{fill:#0969da}.ot{fill:#0969da;font-weight:600}.p{fill:#afb8c1}.l{stroke:#59636e;stroke-dasharray:3 3}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.h,.t{fill:#f0f6fc}.o{fill:#4493f8}.ot{fill:#4493f8}.p{fill:#656c76}.l{stroke:#9198a1}}`

// SVG draws the ratios to the bare handler over loopback.
func SVG(w io.Writer, r *Results, run Run) {
	limit := run.Peers[0].Name
	names := slices.DeleteFunc(slices.Clone(run.Workloads), func(n workload.Name) bool {
		return n == workload.Malformed || len(r.Samples[Key{Loopback, n, limit}]) == 0
	})
	peers := slices.DeleteFunc(slices.Clone(run.Peers[1:]), func(p peer.Peer) bool { return p.Variant })
	panelHeight := titleSpace + barStep*len(peers) + panelGap
	height := headHeight + panelHeight*((len(names)+1)/2)

	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="Processor time per request over a bare Gin handler">`+"\n", width, height, width, height)
	fmt.Fprintf(w, "<style>%s</style>\n", style)
	fmt.Fprint(w, `<text class="h" x="0" y="20">Processor time per request, as a multiple of a bare Gin handler&#8217;s</text>`+"\n")
	fmt.Fprint(w, `<text x="0" y="40">Less is better. The dashed line is the handler that checks nothing and stores nothing.</text>`+"\n")
	for i, name := range names {
		x, y := i%2*(width-panelWidth), headHeight+i/2*panelHeight
		panel(w, r, peers, name, limit, x, y)
	}
	fmt.Fprint(w, "</svg>\n")
}

func panel(w io.Writer, r *Results, peers []peer.Peer, name workload.Name, limit string, x, y int) {
	text(w, "t", "start", x, y+14, name.Title())
	scale := barsWidth / axis
	left := x + labelWidth
	for i, p := range peers {
		top := y + titleSpace + i*barStep
		ratio := r.Ratio(Key{Loopback, name, p.Name}, limit).Median()
		if ratio == 0 {
			continue
		}
		bar, label := "p", ""
		if p.Name == ours {
			bar, label = "o", "ot"
		}
		text(w, label, "end", left-8, top+11, p.Short())
		long := min(ratio, axis) * scale
		fmt.Fprintf(w, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", bar, left, top, long, barHeight)
		value := fmt.Sprintf("%.2f", ratio)
		if ratio > axis {
			value = fmt.Sprintf("→ %.1f", ratio)
		}
		text(w, label, "start", left+int(long)+6, top+11, value)
	}
	line := left + int(scale)
	fmt.Fprintf(w, `<path class="l" d="M%d.5 %dV%d"/>`+"\n", line, y+titleSpace-6, y+titleSpace+barStep*len(peers)-2)
}

// ours is the peer that the picture is about.
const ours = "ours"

func text(w io.Writer, class, anchor string, x, y int, s string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(s)) // a strings.Builder takes everything
	attr := ""
	if class != "" {
		attr = fmt.Sprintf(` class="%s"`, class)
	}
	if anchor != "start" {
		attr += fmt.Sprintf(` text-anchor="%s"`, anchor)
	}
	fmt.Fprintf(w, "<text%s x=\"%d\" y=\"%d\">%s</text>\n", attr, x, y, escaped.String())
}
