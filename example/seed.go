package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// maxSeed bounds the seed file, in bytes.
const maxSeed = 16 << 20

// seed is who may sign in and which clients there are, besides the demo client.
type seed struct {
	Users   []seedUser
	Clients []model.Client
	// Warnings are about what is taken but will not do what it may be meant to.
	Warnings []string
	// BuiltIn tells that this is not from a file, so that its passwords and
	// secrets are no secrets and may be shown.
	BuiltIn bool
	// Notes are there from the start, by the name of their owner.
	Notes map[owner][]string
}

type seedUser struct {
	Username, Password, Name string
}

// The members of each kind of object.
const (
	fileMembers   = "clients users"
	userMembers   = "username password name"
	clientMembers = "client_id client_secret client_name redirect_uris grant_types scope token_endpoint_auth_method resource_server"
	// idleMembers are those of RFC 7591 that change nothing here. They are taken,
	// so that a registration can be copied as it is.
	idleMembers = "response_types client_uri logo_uri contacts tos_uri policy_uri jwks_uri jwks software_id software_version"
)

// readSeed reads a seed file whole or not at all. The error names file, line and
// reason.
func readSeed(name string, allowPassword bool) (*seed, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("-seed: %w: give the path of a JSON file that can be read", err)
	}
	if info.IsDir() || info.Size() > maxSeed {
		return nil, fmt.Errorf("-seed: %s must be a file of at most %d MB", name, maxSeed>>20)
	}
	data, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("-seed: %w: give the path of a JSON file that can be read", err)
	}
	s, err := parseSeed(data, allowPassword)
	if err != nil {
		return nil, fmt.Errorf("-seed: %s, %w\nNothing of the file was taken", name, err)
	}
	return s, nil
}

// parseSeed reads the text of a seed file. Every error begins with the line.
func parseSeed(data []byte, allowPassword bool) (*seed, error) {
	root, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	s := &seed{}
	err = root.object("the file", fileMembers, func(m *member) error {
		list, err := m.value.list(m.name)
		if err != nil {
			return err
		}
		read := s.readUser
		if m.name == "clients" {
			read = func(v *value) error { return s.readClient(v, allowPassword) }
		}
		for i := range list {
			if err := read(&list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *seed) readUser(v *value) error {
	var u seedUser
	err := v.object("a user", userMembers, func(m *member) (err error) {
		var text string
		if text, err = m.value.str(m.name); err != nil {
			return err
		}
		switch m.name {
		case "username":
			u.Username = text
		case "password":
			u.Password = text
		case "name":
			u.Name = text
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := u.validate(); err != nil {
		return at(v.line, "user %q: %v", u.Username, err)
	}
	if slices.ContainsFunc(s.Users, func(o seedUser) bool { return o.Username == u.Username }) {
		return at(v.line, "user %q stands here a second time: give each a username of its own", u.Username)
	}
	s.Users = append(s.Users, u)
	return nil
}

func (s *seed) readClient(v *value, allowPassword bool) error {
	var c model.Client
	lines := map[string]int{}
	err := v.object("a client", clientMembers+" "+idleMembers, func(m *member) error {
		lines[m.name] = m.line
		return s.readClientMember(&c, m)
	})
	if err != nil {
		return err
	}
	switch {
	case c.ID == "":
		return at(v.line, "a client needs a client_id")
	case c.ID == demoClientID:
		return at(lines["client_id"], "client %q is the demo's own: choose another client_id", c.ID)
	case s.has(c.ID):
		return at(lines["client_id"], "client %q stands here a second time: give each a client_id of its own", c.ID)
	case c.AuthMethod == model.AuthNone && len(c.Secrets) > 0:
		return at(lines["client_secret"], "client %q has token_endpoint_auth_method none: remove its client_secret, or use %s", c.ID, model.AuthSecretBasic)
	case c.AuthMethod != model.AuthNone && len(c.Secrets) == 0:
		return at(v.line, "client %q needs a client_secret, or token_endpoint_auth_method none if it cannot keep one", c.ID)
	}
	c.Public = c.AuthMethod == model.AuthNone
	if err := c.Validate(); err != nil {
		return explain(v, lines, err)
	}
	if !allowPassword && c.AllowsGrant(model.GrantPassword) {
		s.warn(lines["grant_types"], "client %q has the password grant, which is off: it gets unsupported_grant_type. Start with -allow-password-grant to turn it on", c.ID)
	}
	for t := range c.Scope.Tokens() {
		if !slices.ContainsFunc(vocabulary(), func(known string) bool { return known == t }) {
			s.warn(lines["scope"], "client %q: scope %q does not exist here and is never granted; there are %s", c.ID, t, strings.Join(vocabulary(), ", "))
		}
	}
	s.Clients = append(s.Clients, c)
	return nil
}

// has reports whether there is a client with this id.
func (s *seed) has(clientID string) bool {
	return slices.ContainsFunc(s.Clients, func(c model.Client) bool { return c.ID == clientID })
}

func (s *seed) readClientMember(c *model.Client, m *member) (err error) {
	switch m.name {
	case "client_id":
		c.ID, err = m.value.str(m.name)
	case "client_name":
		c.Name, err = m.value.str(m.name)
	case "client_secret":
		var secret string
		if secret, err = m.value.str(m.name); err == nil && secret == "" {
			err = at(m.line, "client_secret must not be empty; leave it out for a public client")
		}
		c.Secrets = model.HashSecrets(secret)
	case "token_endpoint_auth_method":
		if c.AuthMethod, err = m.value.str(m.name); err == nil && c.AuthMethod == "" {
			err = at(m.line, "token_endpoint_auth_method must be %s, %s or %s", model.AuthSecretBasic, model.AuthSecretPost, model.AuthNone)
		}
	case "grant_types":
		if c.Grants, err = m.value.strings(m.name); err == nil && len(c.Grants) == 0 {
			err = at(m.line, "grant_types must not be empty; leave it out for authorization_code and refresh_token")
		}
	case "redirect_uris":
		err = readRedirectURIs(c, m)
	case "scope":
		var text string
		if text, err = m.value.str(m.name); err != nil {
			return err
		}
		if c.Scope, err = model.ParseScope(text); err != nil {
			err = at(m.line, "scope: %v", err)
		}
	case "resource_server":
		c.ResourceServer, err = m.value.boolean(m.name)
	default:
		s.warn(m.line, "%s is taken, but nothing here depends on it", m.name)
	}
	return err
}

func readRedirectURIs(c *model.Client, m *member) (err error) {
	if c.RedirectURIs, err = m.value.strings(m.name); err != nil {
		return err
	}
	for i, uri := range c.RedirectURIs {
		if err := model.ValidateRedirectURI(uri); err != nil {
			return at(m.value.array[i].line, "redirect URI %q %v", uri, err)
		}
	}
	return nil
}

func (s *seed) warn(line int, format string, args ...any) {
	s.Warnings = append(s.Warnings, at(line, format, args...).Error())
}

// explain gives the first problem of Client.Validate the member's name and line.
func explain(v *value, lines map[string]int, err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && len(joined.Unwrap()) > 0 {
		err = joined.Unwrap()[0]
	}
	text, line := err.Error(), v.line
	for _, f := range [...]struct{ field, member string }{
		{"RedirectURIs", "redirect_uris"},
		{"Grants", "grant_types"},
		{"AuthMethod", "token_endpoint_auth_method"},
		{"ResourceServer", "resource_server"},
		{"Scope", "scope"},
		{"Name", "client_name"},
		{"ID ", "client_id"},
	} {
		if !strings.Contains(text, f.field) {
			continue
		}
		if lines[f.member] != 0 {
			line = lines[f.member]
		}
		text = strings.ReplaceAll(text, strings.TrimSpace(f.field), f.member)
		break
	}
	return at(line, "%s", text)
}
