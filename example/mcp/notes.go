package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gin-oauth/gin-oauth-server/model"
)

const (
	maxNotes = 100  // of a user; the oldest goes when one more comes
	maxText  = 1000 // characters of a note
)

// notes keeps everybody's notes in memory, by the user's id.
type notes struct {
	mu sync.Mutex
	of map[string][]string
}

type listInput struct{}

type addInput struct {
	Text string `json:"text" jsonschema:"the text of the note"`
}

type output struct {
	Notes []string `json:"notes" jsonschema:"all notes of the user, the oldest first"`
}

// list is a tool. In whose name it is called says the token, never an argument.
func (n *notes) list(ctx context.Context, _ *mcp.CallToolRequest, _ listInput) (*mcp.CallToolResult, output, error) {
	user, err := userOf(ctx)
	if err != nil {
		return nil, output{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return nil, output{append([]string{}, n.of[user]...)}, nil
}

func (n *notes) add(ctx context.Context, _ *mcp.CallToolRequest, in addInput) (*mcp.CallToolResult, output, error) {
	user, err := userOf(ctx)
	if err != nil {
		return nil, output{}, err
	}
	text := strings.TrimSpace(in.Text)
	if text == "" || utf8.RuneCountInString(text) > maxText {
		return nil, output{}, errors.New("the text must have 1 to 1000 characters")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	list := append(n.of[user], text)
	if len(list) > maxNotes {
		list = slices.Clone(list[len(list)-maxNotes:])
	}
	n.of[user] = list
	return nil, output{slices.Clone(list)}, nil
}

// userOf returns for whom a tool is called. Below Authenticate and RequireUser
// there is always a user; a tool that was wired without them does nothing.
func userOf(ctx context.Context) (string, error) {
	t := model.TokenFromContext(ctx)
	if t == nil || t.UserID == "" {
		return "", errors.New("nobody is signed in")
	}
	return t.UserID, nil
}
