package main

// meanings says in a few words what a parameter of the protocol is for.
func meanings(name string) string {
	switch name {
	case "response_type":
		return "answer with a code"
	case "client_id":
		return "who asks"
	case "redirect_uri":
		return "where the answer goes; registered before, compared to the letter"
	case "scope":
		return "what may be done"
	case "state":
		return "comes back unchanged, so that the client knows its own request"
	case "code_challenge":
		return "SHA-256 of a secret that the client keeps until the exchange (PKCE)"
	case "code_challenge_method":
		return "how the challenge was made"
	case "code":
		return "the code: short-lived, good for one exchange"
	case "iss":
		return "who answers, so that answers of two servers cannot be mixed up"
	case "code_verifier":
		return "the secret behind the challenge: whoever stole the code does not have it"
	case "grant_type":
		return "what is handed in"
	case "access_token":
		return "opens the API"
	case "token_type":
		return "how the token is sent: Authorization: Bearer"
	case "expires_in":
		return "seconds that the access token lives"
	case "refresh_token":
		return "gets the next pair, once"
	case "token":
		return "what is given back; the whole grant ends with it"
	case "token_type_hint":
		return "which of the two it is"
	case "error":
		return "why not"
	case "error_description":
		return "the same in words"
	}
	return ""
}
