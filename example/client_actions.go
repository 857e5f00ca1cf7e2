package main

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// withFlow finds the browser's flow, locked, for a button that needs tokens.
// Without them the browser goes back to the page, which shows the beginning.
func (w *walkthrough) withFlow(c *gin.Context, act func(f *flow)) {
	f := w.flows.of(c)
	if f == nil {
		w.see(c, "")
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.connected() {
		w.see(c, "")
		return
	}
	act(f)
}

// call calls the API with the access token.
func (w *walkthrough) call(c *gin.Context) {
	form, ok := w.site.form(c)
	if !ok {
		return
	}
	w.withFlow(c, func(f *flow) {
		method, path, body := http.MethodGet, "/api/notes", ""
		switch form.Get("call") {
		case "me":
			path = "/api/me"
		case "add":
			b, err := json.Marshal(map[string]string{"text": form.Get("text")})
			if err != nil {
				w.site.fault(c, "demo client", err)
				return
			}
			method, body = http.MethodPost, string(b)
		}
		ctx := c.Request.Context()
		r, err := http.NewRequestWithContext(ctx, method, w.site.origin+path, strings.NewReader(body))
		if err != nil {
			w.site.fault(c, "demo client", err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+f.access)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		e, _, err := w.do(ctx, method+" "+path, r, body)
		if err != nil {
			w.site.fault(c, "demo client", err)
			return
		}
		e.Got = nil // the answer is the API's own; it speaks for itself
		e.Note = callNote(e.Status)
		f.keep(&f.calls, e)
		w.see(c, "#step-4")
	})
}

func callNote(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "The token is not valid any more: it expired, or its grant was revoked. A client now refreshes, or asks the user again."
	case http.StatusForbidden:
		return "The token is valid, but the scope this needs was not granted. The challenge names it."
	}
	return ""
}

// refresh asks for a new pair of tokens.
func (w *walkthrough) refresh(c *gin.Context) {
	w.withFlow(c, func(f *flow) {
		used := f.refresh
		a, err := w.tokenRequest(c, "A new pair of tokens", refreshForm(used))
		if err != nil {
			w.site.fault(c, "demo client", err)
			return
		}
		if a.exchange.OK() {
			a.exchange.Note = "Both tokens are new. The refresh token that was sent is used up."
			f.spentRefresh = used
		} else {
			a.exchange.Note = "The refresh token is not taken any more. The user has to be asked again: start over."
		}
		f.keep(&f.refreshes, a.exchange)
		f.take(a)
		w.see(c, "#step-5")
	})
}

func refreshForm(token string) string {
	return encode("grant_type", "refresh_token", "refresh_token", token)
}

// replay sends once more what was used up already: what a thief would do, or a
// client whose answer got lost.
func (w *walkthrough) replay(c *gin.Context) {
	form, ok := w.site.form(c)
	if !ok {
		return
	}
	w.withFlow(c, func(f *flow) {
		title, body := "The code, a second time", w.codeForm(f.spentCode, f.spentVerifier)
		if form.Get("what") == "refresh" {
			title, body = "The last refresh, a second time", refreshForm(f.spentRefresh)
			if f.spentRefresh == "" {
				w.see(c, "#step-6")
				return
			}
		}
		a, err := w.tokenRequest(c, title, body)
		if err != nil {
			w.site.fault(c, "demo client", err)
			return
		}
		switch {
		case !a.exchange.OK():
			a.exchange.Note = "Refused. Whoever sends a code or token again may have stolen it, so the whole grant is revoked: call the API, and see that the client’s own token is gone, too."
		case a.tokens.Access == f.access:
			a.exchange.Note = "The same two tokens once more: this repeat came within the grace, as from a client whose answer got lost. There is no second pair. Wait until the grace is over and try again."
		default:
			a.exchange.Note = "Answered."
		}
		f.keep(&f.breaks, a.exchange)
		w.see(c, "#step-6")
	})
}

// signOut gives the tokens back, so that they are worth nothing from then on, and
// forgets them (RFC 7009).
func (w *walkthrough) signOut(c *gin.Context) {
	var revoked *exchange
	if old := w.flows.of(c); old != nil {
		old.mu.Lock()
		token := old.refresh
		old.mu.Unlock()
		if token != "" {
			e, _, err := w.postForm(c, "The refresh token, given back", w.revokeURL, encode("token", token, "token_type_hint", "refresh_token"))
			if err != nil {
				w.site.fault(c, "demo client", err)
				return
			}
			revoked = e
		}
	}
	f := w.flows.begin(c)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signedOut, f.revoked = true, revoked
	w.see(c, "")
}
