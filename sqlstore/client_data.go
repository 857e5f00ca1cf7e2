package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// clientData is a client as it is stored, but for its ID. Fields are added and
// never change their meaning: instances of two versions run side by side while
// one is brought out.
type clientData struct {
	Name                 string          `json:"name,omitempty"`
	Public               bool            `json:"public,omitempty"`
	Secrets              []secretData    `json:"secrets,omitempty"`
	AuthMethod           string          `json:"auth_method,omitempty"`
	RedirectURIs         []string        `json:"redirect_uris,omitempty"`
	Grants               []string        `json:"grants,omitempty"`
	Scope                model.Scope     `json:"scope,omitempty"`
	AccessTokenLifetime  time.Duration   `json:"access_token_lifetime_ns,omitempty"`
	RefreshTokenLifetime time.Duration   `json:"refresh_token_lifetime_ns,omitempty"`
	SkipConsent          bool            `json:"skip_consent,omitempty"`
	AllowNoPKCE          bool            `json:"allow_no_pkce,omitempty"`
	ResourceServer       bool            `json:"resource_server,omitempty"`
	Disabled             bool            `json:"disabled,omitempty"`
	SelfRegistered       bool            `json:"self_registered,omitempty"`
	RegistrationToken    []byte          `json:"registration_token_sha256,omitempty"`
	RegisteredAt         time.Time       `json:"registered_at,omitzero"`
	ExpiresAt            time.Time       `json:"expires_at,omitzero"`
	Metadata             json.RawMessage `json:"metadata,omitempty"`
}

type secretData struct {
	SHA256    []byte    `json:"sha256"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// encodeClient returns the client as it is stored, or an error if it would not
// come back as it is: JSON has no text that is not UTF-8.
func encodeClient(c *model.Client) ([]byte, error) {
	for _, text := range slices.Concat([]string{c.Name, string(c.Scope), string(c.Metadata)}, c.RedirectURIs, c.Grants) {
		if !utf8.ValidString(text) {
			return nil, errors.New("the client holds text that is not UTF-8")
		}
	}
	d := clientData{
		Name: c.Name, Public: c.Public, AuthMethod: c.AuthMethod, RedirectURIs: c.RedirectURIs, Grants: c.Grants, Scope: c.Scope,
		AccessTokenLifetime: c.AccessTokenLifetime, RefreshTokenLifetime: c.RefreshTokenLifetime,
		SkipConsent: c.SkipConsent, AllowNoPKCE: c.AllowNoPKCE, ResourceServer: c.ResourceServer, Disabled: c.Disabled, SelfRegistered: c.SelfRegistered,
		RegisteredAt: c.RegisteredAt.UTC(), ExpiresAt: c.ExpiresAt.UTC(), Metadata: c.Metadata,
	}
	for _, h := range c.Secrets {
		d.Secrets = append(d.Secrets, secretData{h.Digest[:], h.ExpiresAt.UTC()})
	}
	if !c.RegistrationToken.IsZero() {
		d.RegistrationToken = c.RegistrationToken[:]
	}
	return marshal(d)
}

func marshal(client any) ([]byte, error) {
	data, err := json.Marshal(client)
	if err == nil && len(data) > maxJSON {
		err = fmt.Errorf("the client has more than %d bytes", maxJSON)
	}
	return data, err
}

// keepUnknown adds to a client what it had before that this version knows nothing
// of: an instance of a later one may have put it there.
func keepUnknown(data, before []byte) ([]byte, error) {
	var is, was map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(data, &is), json.Unmarshal(before, &was)); err != nil {
		return nil, err
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[clientData]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		delete(was, name)
	}
	if len(was) == 0 {
		return data, nil
	}
	maps.Copy(is, was)
	return marshal(is)
}

func decodeClient(id string, data []byte) (*model.Client, error) {
	var d clientData
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("client %q: %w", id, err)
	}
	c := &model.Client{
		ID: id, Name: d.Name, Public: d.Public, AuthMethod: d.AuthMethod, RedirectURIs: d.RedirectURIs, Grants: d.Grants, Scope: d.Scope,
		AccessTokenLifetime: d.AccessTokenLifetime, RefreshTokenLifetime: d.RefreshTokenLifetime,
		SkipConsent: d.SkipConsent, AllowNoPKCE: d.AllowNoPKCE, ResourceServer: d.ResourceServer, Disabled: d.Disabled, SelfRegistered: d.SelfRegistered,
		RegisteredAt: d.RegisteredAt, ExpiresAt: d.ExpiresAt, Metadata: d.Metadata,
	}
	for _, h := range d.Secrets {
		if len(h.SHA256) != len(model.Digest{}) {
			return nil, fmt.Errorf("client %q: a secret of %d bytes, which is no SHA-256", id, len(h.SHA256))
		}
		c.Secrets = append(c.Secrets, model.SecretHash{Digest: model.Digest(h.SHA256), ExpiresAt: h.ExpiresAt})
	}
	if len(d.RegistrationToken) == len(c.RegistrationToken) {
		c.RegistrationToken = model.Digest(d.RegistrationToken)
	}
	return c, nil
}
