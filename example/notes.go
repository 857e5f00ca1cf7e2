package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
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

// notesLifetime is how long notes are kept after the last one was added.
const notesLifetime = 90 * 24 * time.Hour

// notes are the notes of everybody. Users and clients are those of the start, so
// that they cannot grow without end.
type notes struct {
	drawer  drawer
	initial map[owner][]note
	now     func() time.Time
	log     *slog.Logger
}

func newNotes(d drawer, initial map[owner][]string, now func() time.Time, log *slog.Logger) *notes {
	n := &notes{drawer: d, initial: make(map[owner][]note), now: now, log: log}
	for o, texts := range initial {
		for i, text := range texts {
			n.initial[o] = append(n.initial[o], note{ID: i + 1, Text: text, CreatedAt: time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)})
		}
	}
	return n
}

func (o owner) drawerName() string {
	if o.user != "" {
		return drawerName("notes", "user "+o.user)
	}
	return drawerName("notes", "client "+o.client)
}

// decode reads the notes of an owner, who has those of the start if there are
// none yet. The result is never nil.
func (n *notes) decode(o owner, stored []byte) ([]note, error) {
	if stored == nil {
		return append([]note{}, n.initial[o]...), nil
	}
	list := []note{}
	return list, json.Unmarshal(stored, &list)
}

// list returns the notes of an owner, the oldest first.
func (n *notes) list(ctx context.Context, o owner) ([]note, error) {
	stored, err := n.drawer.read(ctx, o.drawerName())
	if err != nil {
		return nil, err
	}
	return n.decode(o, stored)
}

func (n *notes) add(ctx context.Context, o owner, text string) (note, error) {
	added := note{Text: text, CreatedAt: n.now().UTC().Truncate(time.Second)}
	err := n.drawer.update(ctx, o.drawerName(), notesLifetime, func(stored []byte) ([]byte, error) {
		list, err := n.decode(o, stored)
		if err != nil {
			return nil, err
		}
		added.ID = 1
		if len(list) > 0 {
			added.ID = list[len(list)-1].ID + 1
		}
		list = append(list, added)
		return json.Marshal(list[max(0, len(list)-maxNotes):])
	})
	return added, err
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
	list, err := n.list(c.Request.Context(), ownerOf(ginoauth.TokenFrom(c)))
	if err != nil {
		n.fault(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"notes": list})
}

func (n *notes) post(c *gin.Context) {
	text, bad := readNote(c)
	if bad != nil {
		c.AbortWithStatusJSON(bad.status, gin.H{"error": "invalid_note", "error_description": bad.text})
		return
	}
	added, err := n.add(c.Request.Context(), ownerOf(ginoauth.TokenFrom(c)), text)
	if err != nil {
		n.fault(c, err)
		return
	}
	c.JSON(http.StatusCreated, added)
}

// fault logs what went wrong with the store, and tells the client no more than
// that it did.
func (n *notes) fault(c *gin.Context, err error) {
	n.log.Error("notes", "err", err)
	c.AbortWithStatusJSON(http.StatusServiceUnavailable, gin.H{"error": "temporarily_unavailable", "error_description": "The notes cannot be reached. Please try again."})
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
