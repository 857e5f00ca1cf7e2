package browser

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// startChromium starts a Chromium without a user's profile. Each test opens tabs in a context of its own, with its own cookies.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
	)
	if path := os.Getenv("CHROMIUM"); path != "" {
		options = append(options, chromedp.ExecPath(path))
	}
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which does not work for root
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx), "Chromium is needed")
	return ctx
}

// A tab is a tab of a browser that has no other tabs and no cookies.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string // URLs
	failed   []string // reasons
	console  []string // what the browser complained about
}

func newTab(chromium context.Context, t *testing.T) *tab {
	t.Helper()
	p := &tab{t: t}
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	p.ctx = ctx
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *network.EventLoadingFailed:
		p.failed = append(p.failed, e.ErrorText+" "+string(e.BlockedReason))
	case *log.EventEntryAdded:
		if !strings.Contains(e.Entry.URL, "/favicon.ico") {
			p.console = append(p.console, e.Entry.Text)
		}
	}
}

// seen returns what the tab has asked for, what of it failed, and what the browser complained about.
func (p *tab) seen() (requests, failed, console []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(requests, p.requests...), append(failed, p.failed...), append(console, p.console...)
}

// open loads a page and returns its status.
func (p *tab) open(target string) int {
	p.t.Helper()
	res, err := chromedp.Run(p.ctx, chromedp.NavigateResponse(target))
	require.NoError(p.t, err, target)
	require.NotNil(p.t, res, target)
	return int(res.Status)
}

// click clicks what the CSS selector finds, waits for the page that comes of it and returns its status.
func (p *tab) click(selector string) int {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx,
		chromedp.WaitEnabled(chromedp.CSS(selector), chromedp.NodeVisible),
		chromedp.Evaluate[chromedp.Void]("window.left = true"),
	), selector)
	// Not by mouse: a page that still moves would be missed.
	res, err := chromedp.RunResponse(p.ctx, chromedp.Evaluate[chromedp.Void](query(selector)+".click()"))
	require.NoError(p.t, err, selector)
	require.NotNil(p.t, res, selector)
	// The answer is here, but the page that was left may still be there.
	require.Eventually(p.t, func() bool {
		arrived, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!window.left && document.readyState === 'complete'"))
		return err == nil && arrived
	}, time.Minute, 5*time.Millisecond, selector)
	return int(res.Status)
}

// query is the JavaScript expression for what the CSS selector finds.
func query(selector string) string { return "document.querySelector(" + strconv.Quote(selector) + ")" }

// typeIn replaces the value of a field.
func (p *tab) typeIn(selector, value string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), value)), selector)
}

func (p *tab) signIn(password string) int {
	p.t.Helper()
	p.typeIn("input[name=username]", "alice")
	p.typeIn("input[name=password]", password)
	return p.click("form[action='/login'] button")
}

// url is where the tab is.
func (p *tab) url() *url.URL {
	p.t.Helper()
	location, err := chromedp.Run(p.ctx, chromedp.Location())
	require.NoError(p.t, err)
	u, err := url.Parse(location)
	require.NoError(p.t, err)
	return u
}

// text is what the page says.
func (p *tab) text() string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	require.NoError(p.t, err)
	return text
}

// has says whether the page has what the CSS selector finds.
func (p *tab) has(selector string) bool {
	p.t.Helper()
	found, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](query(selector)+" !== null"))
	require.NoError(p.t, err)
	return found
}

// attribute is the value of an attribute of what the CSS selector finds, as it is in the page.
func (p *tab) attribute(selector, name string) string {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.AttributeValue(chromedp.CSS(selector), name))
	require.NoError(p.t, err)
	return value.Value
}

// looks are the ways in which a page is looked at.
var looks = []struct {
	name, scheme  string
	width, height int64
	options       []chromedp.EmulateViewportOption
}{
	{"desk-light", "light", 1280, 800, nil},
	{"desk-dark", "dark", 1280, 800, nil},
	{"phone-light", "light", 390, 844, []chromedp.EmulateViewportOption{chromedp.EmulateMobile, chromedp.EmulateScale(2)}},
	{"phone-dark", "dark", 390, 844, []chromedp.EmulateViewportOption{chromedp.EmulateMobile, chromedp.EmulateScale(2)}},
}

// photograph checks in each look what a program can see, that nothing is wider than the screen. If SCREENSHOTS names a folder
// it writes pictures there, for a person to look at.
func (p *tab) photograph(name string) {
	p.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	for _, look := range looks {
		_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: look.scheme},
				{Name: "prefers-reduced-motion", Value: "reduce"},
			},
		})
		require.NoError(p.t, err)
		require.NoError(p.t, chromedp.Do(p.ctx, chromedp.EmulateViewport(look.width, look.height, look.options...)))
		wide, err := chromedp.Run(p.ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
		require.NoError(p.t, err)
		require.LessOrEqual(p.t, wide, look.width, "%s scrolls sideways on %s", name, look.name)
		if dir == "" {
			continue
		}
		require.NoError(p.t, chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void]("scrollTo(0, 0)")))
		picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
		require.NoError(p.t, err)
		require.NoError(p.t, os.WriteFile(filepath.Join(dir, name+"-"+look.name+".png"), picture, 0o644))
	}
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.ResetViewport()))
}
