package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/gin-oauth/gin-oauth-server/ginoauth"
	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	// maxNotes is how many notes an owner has; the oldest goes when one more comes.
	maxNotes = 100
	// maxText is how long a note is, in characters.
	maxText = 1000
	// maxNoteBody bounds the body of a POST, in bytes.
	maxNoteBody = 64 << 10
)

// note is what the API is about.
type note struct {
	ID        int       `json:"id"`
	Text      string    `json:"text"`
	CreatedAt time.Time `json:"created_at"`
}

// owner is a user or, where a client acts for itself, that client. Kept apart,
// so that a client cannot be named like a user to get at the user's notes.
type owner struct{ user, client string }

func ownerOf(t *model.Token) owner {
	if t.UserID != "" {
		return owner{user: t.UserID}
	}
	return owner{client: t.ClientID}
}

// notes keeps the notes of everybody in memory. Users and clients are those of
// the start, so that it cannot grow without end.
type notes struct {
	mu   sync.Mutex
	of   map[owner][]note
	last int
	now  func() time.Time
}

func newNotes(initial map[owner][]string, now func() time.Time) *notes {
	n := &notes{of: make(map[owner][]note), now: now}
	for o, texts := range initial {
		for _, text := range texts {
			n.add(o, text)
		}
	}
	return n
}

// list returns the notes of an owner, the oldest first. It is never nil.
func (n *notes) list(o owner) []note {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]note{}, n.of[o]...)
}

func (n *notes) add(o owner, text string) note {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last++
	added := note{ID: n.last, Text: text, CreatedAt: n.now().UTC().Truncate(time.Second)}
	list := append(n.of[o], added)
	if len(list) > maxNotes {
		list = append([]note(nil), list[len(list)-maxNotes:]...)
	}
	n.of[o] = list
	return added
}

// mountAPI registers the protected API. This is all that an API has to do.
func mountAPI(r gin.IRouter, oauth *ginoauth.Server, n *notes) {
	r.GET("/api/me", oauth.Authenticate(scopeProfile), getMe)
	r.GET("/api/notes", oauth.Authenticate(scopeRead), n.get)
	r.POST("/api/notes", oauth.Authenticate(scopeWrite), n.post)
}

// getMe says whom and what the token stands for.
func getMe(c *gin.Context) {
	t := ginoauth.TokenFrom(c)
	c.JSON(http.StatusOK, struct {
		UserID   string    `json:"user_id,omitempty"`
		ClientID string    `json:"client_id"`
		Scope    string    `json:"scope"`
		Expires  time.Time `json:"expires_at"`
	}{t.UserID, t.ClientID, t.Scope.String(), t.AccessExpiresAt})
}

func (n *notes) get(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"notes": n.list(ownerOf(ginoauth.TokenFrom(c)))})
}

func (n *notes) post(c *gin.Context) {
	text, err := readNote(c)
	if err != nil {
		c.AbortWithStatusJSON(err.status, gin.H{"error": "invalid_note", "error_description": err.text})
		return
	}
	c.JSON(http.StatusCreated, n.add(ownerOf(ginoauth.TokenFrom(c)), text))
}

// badNote is why a note was not taken.
type badNote struct {
	status int
	text   string
}

// readNote reads {"text": "..."}.
func readNote(c *gin.Context) (string, *badNote) {
	media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || media != "application/json" {
		return "", &badNote{http.StatusUnsupportedMediaType, "Send JSON, with Content-Type: application/json."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxNoteBody))
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return "", &badNote{http.StatusRequestEntityTooLarge, "The body is larger than 64 kB."}
	case err != nil:
		return "", &badNote{http.StatusBadRequest, "The body could not be read."}
	}
	var in struct {
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Text == nil {
		return "", &badNote{http.StatusBadRequest, `The body must be a JSON object such as {"text": "hello"}.`}
	}
	text := strings.TrimSpace(*in.Text)
	if text == "" || utf8.RuneCountInString(text) > maxText {
		return "", &badNote{http.StatusBadRequest, "The text must have 1 to 1000 characters."}
	}
	return text, nil
}
