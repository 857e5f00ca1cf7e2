// Package model holds what an OAuth 2.0 authorization server stores, and the
// contract for storing it.
//
// A store is anything that implements the ten verbs of [Model]. It sees plain
// structs and digests, never a code, a token or a secret: a stolen database or a
// logged query is worth nothing, whoever wrote the store.
//
// Everything that follows from one act of authorization carries one [GrantID]:
// the [AuthorizationCode] and each [Token], which is a pair of an access token
// and a refresh token. The id revokes the family, and it names the partition:
// it is part of every [Key], so one grant lives in one place.
//
//	store := memstore.New() // or your own
//	err := store.AddClient(model.Client{
//		ID:           "web",
//		Secrets:      model.HashSecrets(secret),
//		RedirectURIs: []string{"https://web.example/callback"},
//		Scope:        "read write",
//	})
//
// Below an authenticated handler the token of the request is at hand:
//
//	if t := model.TokenFromContext(ctx); t != nil && t.Scope.Has("write") { … }
//
// Whoever writes a store runs modeltest.Run against it: the contract as a test
// suite, from single use under 64 callers to what may be swept and when.
//
// This package imports the standard library only.
package model
