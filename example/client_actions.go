package main

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// withTokens is step for a button that needs tokens. Without them the browser
// goes back to the page, which shows the beginning.
func (w *walkthrough) withTokens(c *gin.Context, act func(f *flow) (anchor string, err error)) {
	w.step(c, func(f *flow) (string, error) {
		if f == nil || !f.connected() {
			return "", nil
		}
		return act(f)
	})
}

// call calls the API with the access token.
func (w *walkthrough) call(c *gin.Context) {
	form, ok := w.site.form(c)
	if !ok {
		return
	}
	w.withTokens(c, func(f *flow) (string, error) {
		method, path, body := http.MethodGet, "/api/notes", ""
		switch form.Get("call") {
		case "me":
			path = "/api/me"
		case "add":
			b, err := json.Marshal(map[string]string{"text": form.Get("text")})
			if err != nil {
				return "", err
			}
			method, body = http.MethodPost, string(b)
		}
		ctx := c.Request.Context()
		r, err := http.NewRequestWithContext(ctx, method, w.site.origin+path, strings.NewReader(body))
		if err != nil {
			return "", err
		}
		r.Header.Set("Authorization", "Bearer "+f.Access)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		e, _, err := w.do(ctx, method+" "+path, r, body)
		if err != nil {
			return "", err
		}
		e.Got = nil // the answer is the API's own; it speaks for itself
		e.Note = callNote(e.Status)
		f.keep(&f.Calls, e)
		return "#step-4", nil
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
	w.withTokens(c, func(f *flow) (string, error) {
		used := f.Refresh
		a, err := w.tokenRequest(c, "A new pair of tokens", refreshForm(used))
		if err != nil {
			return "", err
		}
		if a.exchange.OK() {
			a.exchange.Note = "Both tokens are new. The refresh token that was sent is used up."
			f.SpentRefresh = used
		} else {
			a.exchange.Note = "The refresh token is not taken any more. The user has to be asked again: start over."
		}
		f.keep(&f.Refreshes, a.exchange)
		f.take(a)
		return "#step-5", nil
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
	w.withTokens(c, func(f *flow) (string, error) {
		title, body := "The code, a second time", w.codeForm(f.SpentCode, f.SpentVerifier)
		if form.Get("what") == "refresh" {
			title, body = "The last refresh, a second time", refreshForm(f.SpentRefresh)
			if f.SpentRefresh == "" {
				return "#step-6", nil
			}
		}
		a, err := w.tokenRequest(c, title, body)
		if err != nil {
			return "", err
		}
		switch {
		case !a.exchange.OK():
			a.exchange.Note = "Refused. Whoever sends a code or token again may have stolen it, so the whole grant is revoked: call the API, and see that the client’s own token is gone, too."
		case a.tokens.Access == f.Access:
			a.exchange.Note = "The same two tokens once more: this repeat came within the grace, as from a client whose answer got lost. There is no second pair. Wait until the grace is over and try again."
		default:
			a.exchange.Note = "Answered."
		}
		f.keep(&f.Breaks, a.exchange)
		return "#step-6", nil
	})
}

// signOut gives the tokens back, so that they are worth nothing from then on, and
// forgets them (RFC 7009).
func (w *walkthrough) signOut(c *gin.Context) {
	next := &flow{SignedOut: true}
	err := w.flows.change(c, func(f *flow) (err error) {
		if f != nil && f.Refresh != "" {
			next.Revoked, _, err = w.postForm(c, "The refresh token, given back", w.revokeURL, encode("token", f.Refresh, "token_type_hint", "refresh_token"))
		}
		return err
	})
	if err == nil {
		err = w.flows.begin(c, next)
	}
	if err != nil {
		w.site.fault(c, "demo client", err)
		return
	}
	w.see(c, "")
}
