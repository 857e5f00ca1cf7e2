package modeltest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// ClientStore is what [RunClients] tests: a model of which the clients can be
// changed.
type ClientStore interface {
	model.Model
	model.ClientModel
}

// RunClients tests that the stores which newStore returns keep the contract of
// [model.ClientModel]. Client ids are random. [Run] does it by itself for a
// store that implements the interface.
func RunClients(t *testing.T, newStore func(t *testing.T) ClientStore) {
	t.Helper()
	raiseProcs(t)
	for _, r := range clientRules {
		t.Run(r.name, func(t *testing.T) {
			r.check(&checker{T: t, ctx: t.Context()}, newStore(t))
		})
	}
}

// partRule is a rule of an interface besides the model.
type partRule[S any] struct {
	name  string
	check func(*checker, S)
}

var clientRules = [...]partRule[ClientStore]{
	{"CreateClientSaves", createClientSaves},
	{"CreateClientOnce", createClientOnce},
	{"CreateClientValidates", createClientValidates},
	{"UpdateClientSaves", updateClientSaves},
	{"UpdateClientRefused", updateClientRefused},
	{"UpdateUnknownClient", updateUnknownClient},
	{"DeleteClientEndsIt", deleteClientEndsIt},
	{"RaceCreateClient", raceCreateClient},
	{"RaceUpdateClient", raceUpdateClient},
}

// newClient returns a client with a random id and more in it than most have.
func newClient() *model.Client {
	return &model.Client{
		ID: newGrant().String(), Name: "Name", Secrets: model.HashSecrets("secret"),
		RedirectURIs: []string{"https://web.test/cb"}, Scope: "read",
		SelfRegistered: true, RegistrationToken: model.DigestOf("registration"), Metadata: json.RawMessage(`{"contacts":["a@web.test"]}`),
		RegisteredAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

func (c *checker) created(s ClientStore) *model.Client {
	c.Helper()
	client := newClient()
	c.ok(s.CreateClient(c.ctx, client.Clone()), "CreateClient")
	return client
}

func (c *checker) sameClient(s ClientStore, want *model.Client) {
	c.Helper()
	got, err := s.GetClient(c.ctx, want.ID)
	c.ok(err, "GetClient")
	if d := diffClient(got, want); d != "" {
		c.Fatalf("GetClient: %s", d)
	}
}

func createClientSaves(c *checker, s ClientStore) {
	passed, want := newClient(), newClient()
	want.ID = passed.ID
	c.ok(s.CreateClient(c.ctx, passed), "CreateClient")
	passed.Name, passed.RedirectURIs[0], passed.Secrets[0] = "changed", "https://evil.test", model.SecretHash{}
	c.sameClient(s, want)
}

func createClientOnce(c *checker, s ClientStore) {
	want := c.created(s)
	other := newClient()
	other.ID, other.Name = want.ID, "Other"
	c.is(s.CreateClient(c.ctx, other), "CreateClient of an id that is there", model.ErrExists)
	c.sameClient(s, want)
}

func createClientValidates(c *checker, s ClientStore) {
	bad := newClient()
	bad.Secrets = nil
	if err := s.CreateClient(c.ctx, bad); err == nil {
		c.Fatalf("CreateClient of a confidential client without secret: got no error")
	}
	_, err := s.GetClient(c.ctx, bad.ID)
	c.is(err, "GetClient of a client that is not valid", model.ErrNotFound)
}

func updateClientSaves(c *checker, s ClientStore) {
	want, other := c.created(s), c.created(s)
	before, err := s.GetClient(c.ctx, want.ID)
	c.ok(err, "GetClient")
	var kept *model.Client
	c.ok(s.UpdateClient(c.ctx, want.ID, func(cl *model.Client) error {
		if d := diffClient(cl, want); d != "" {
			c.Errorf("UpdateClient's function gets: %s", d)
		}
		cl.Name, cl.Disabled = "Changed", true
		cl.RedirectURIs[0] = "https://web.test/cb2"
		kept = cl
		return nil
	}), "UpdateClient")
	if d := diffClient(before, want); d != "" {
		c.Fatalf("a client read before an update changed: %s", d)
	}
	want.Name, want.Disabled, want.RedirectURIs[0] = "Changed", true, "https://web.test/cb2"
	kept.RedirectURIs[0] = "https://evil.test"
	c.sameClient(s, want)
	c.sameClient(s, other)
}

func updateClientRefused(c *checker, s ClientStore) {
	want, refusal := c.created(s), errors.New("no")
	c.is(s.UpdateClient(c.ctx, want.ID, func(cl *model.Client) error {
		cl.Name, cl.RedirectURIs[0] = "Changed", "https://evil.test"
		return refusal
	}), "UpdateClient of which the function returned an error", refusal)
	c.sameClient(s, want)
	for what, change := range map[string]func(*model.Client){
		"makes the client invalid": func(cl *model.Client) { cl.Secrets = nil },
		"changes the ID":           func(cl *model.Client) { cl.ID += "2" },
	} {
		err := s.UpdateClient(c.ctx, want.ID, func(cl *model.Client) error { change(cl); return nil })
		if err == nil {
			c.Fatalf("UpdateClient that %s: got no error", what)
		}
		c.sameClient(s, want)
	}
}

func updateUnknownClient(c *checker, s ClientStore) {
	id := newClient().ID
	c.is(s.UpdateClient(c.ctx, id, func(*model.Client) error { return nil }), "UpdateClient of an unknown client", model.ErrNotFound)
	_, err := s.GetClient(c.ctx, id)
	c.is(err, "GetClient after it", model.ErrNotFound)
}

func deleteClientEndsIt(c *checker, s ClientStore) {
	gone, other := c.created(s), c.created(s)
	for range 2 {
		c.ok(s.DeleteClient(c.ctx, gone.ID), "DeleteClient")
		_, err := s.GetClient(c.ctx, gone.ID)
		c.is(err, "GetClient of a deleted client", model.ErrNotFound)
	}
	c.is(s.UpdateClient(c.ctx, gone.ID, func(*model.Client) error { return nil }), "UpdateClient of a deleted client", model.ErrNotFound)
	c.sameClient(s, other)
	c.ok(s.CreateClient(c.ctx, gone.Clone()), "CreateClient of a deleted client")
	c.sameClient(s, gone)
}

func raceCreateClient(c *checker, s ClientStore) {
	client := newClient()
	errs := race(8, func(int) error { return s.CreateClient(c.ctx, client.Clone()) })
	c.winner("CreateClient", errs, model.ErrExists)
	c.sameClient(s, client)
}

// raceUpdateClient counts in a field: an update that is lost is missing in it.
func raceUpdateClient(c *checker, s ClientStore) {
	client := c.created(s)
	errs := race(8, func(int) error {
		return s.UpdateClient(c.ctx, client.ID, func(cl *model.Client) error { cl.Name += "+"; return nil })
	})
	for _, err := range errs {
		c.ok(err, "UpdateClient at the same time")
	}
	client.Name += "++++++++"
	c.sameClient(s, client)
}
