package engine

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/model"
)

// clientCredentials is how a request says which client it comes from.
type clientCredentials struct {
	id, secret string
	method     string
}

// authenticateClient finds out which client sent the request and proves it
// (RFC 6749, sections 2.3 and 3.2.1). The event learns who it says it is.
func (s *Server) authenticateClient(r *http.Request, f *form, ev *Event) (*model.Client, *Error) {
	header := r.Header["Authorization"]
	cred, err := readClientCredentials(header, f)
	var client *model.Client
	if err == nil {
		ev.ClientID = loggable(cred.id)
		client, err = s.verifyLimited(r, cred, ev.Endpoint)
	}
	if err != nil && err.Code == CodeInvalidClient {
		// A challenge if and only if the header was tried: without one it would
		// open a login dialog in browsers.
		if len(header) > 0 {
			err.Status = http.StatusUnauthorized
			if err.Header == nil {
				err.Header = http.Header{}
			}
			err.Header.Set("WWW-Authenticate", `Basic realm="`+s.cfg.Realm+`"`)
		}
	}
	return client, err
}

// verifyLimited is verifyClient within the limits of failures and of requests.
func (s *Server) verifyLimited(r *http.Request, cred clientCredentials, endpoint string) (*model.Client, *Error) {
	ctx := r.Context()
	guesses := s.guesses(r, endpoint, cred)
	if err := guesses.allowed(ctx); err != nil {
		return nil, err
	}
	client, err := s.verifyClient(ctx, cred)
	if err != nil {
		if err.Code == CodeInvalidClient {
			if e := guesses.failed(ctx); e != nil {
				return nil, e
			}
		}
		return nil, err
	}
	if err := guesses.succeeded(ctx); err != nil {
		return nil, err
	}
	if err := s.limitClient(r, endpoint, client, cred.method != model.AuthNone); err != nil {
		return nil, err
	}
	return client, nil
}

func invalidClient(reason string, cause error) *Error {
	// One sentence for all: what was wrong helps only who guesses.
	return refuse(CodeInvalidClient, reason, "Client authentication failed.").because(cause)
}

// readClientCredentials takes them from the header or from the body; a client
// uses one way per request (RFC 6749, section 2.3).
func readClientCredentials(header []string, f *form) (clientCredentials, *Error) {
	id, secret := f.get("client_id"), f.get("client_secret")
	switch {
	case len(header) > 1:
		return clientCredentials{}, refuse(CodeInvalidRequest, "repeated_header", "The Authorization header is repeated.")
	case len(header) == 1:
		cred, err := readBasic(header[0])
		if err != nil {
			return cred, invalidClient("basic_malformed", err)
		}
		if secret != "" {
			return cred, refuse(CodeInvalidRequest, "two_methods", "The client must authenticate in one way only.")
		}
		if id != "" && id != cred.id {
			return cred, refuse(CodeInvalidRequest, "client_id_mismatch", "The client_id differs from the client that authenticated.")
		}
		return cred, nil
	case !isPrintable(id):
		return clientCredentials{}, refuse(CodeInvalidRequest, "client_id_malformed", "The parameter client_id is malformed.")
	case !isPrintable(secret):
		return clientCredentials{}, refuse(CodeInvalidRequest, "client_secret_malformed", "The parameter client_secret is malformed.")
	case id == "":
		return clientCredentials{}, invalidClient("credentials_missing", errors.New("neither an Authorization header nor client_id was sent"))
	case secret == "":
		return clientCredentials{id: id, method: model.AuthNone}, nil
	}
	return clientCredentials{id: id, secret: secret, method: model.AuthSecretPost}, nil
}

// readBasic reads an HTTP Basic header. Id and secret are form-encoded before
// they are put together (RFC 6749, section 2.3.1).
func readBasic(header string) (clientCredentials, error) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return clientCredentials{}, errors.New("the scheme of the Authorization header is not Basic")
	}
	encoded = strings.Trim(encoded, " ")
	if len(encoded) > maxCredential {
		return clientCredentials{}, errors.New("the Basic credentials are too long")
	}
	// On the stack, for nearly all; maxCredential bounds the rest.
	plain, err := base64.StdEncoding.AppendDecode(make([]byte, 0, 256), append(make([]byte, 0, 256), encoded...))
	if err != nil {
		return clientCredentials{}, errors.New("the Basic credentials are not base64")
	}
	rawID, rawSecret, found := strings.Cut(string(plain), ":")
	if !found {
		return clientCredentials{}, errors.New("the Basic credentials have no colon")
	}
	id, err := unescapeBasic(rawID)
	if err != nil {
		return clientCredentials{}, errors.New("the Basic client id is not form-encoded")
	}
	secret, err := unescapeBasic(rawSecret)
	if err != nil {
		return clientCredentials{}, errors.New("the Basic client secret is not form-encoded")
	}
	if id == "" || secret == "" {
		return clientCredentials{}, errors.New("the Basic client id or secret is empty")
	}
	return clientCredentials{id: id, secret: secret, method: model.AuthSecretBasic}, nil
}

// unescapeBasic decodes like unescape, but a semicolon, which is no separator
// here, may stand for itself.
func unescapeBasic(s string) (string, error) {
	if strings.Contains(s, ";") {
		s = strings.ReplaceAll(s, ";", "%3B")
	}
	return unescape(s)
}

// verifyClient compares the credentials with the registered client. An unknown
// client costs the same work as a wrong secret and gets the same answer.
func (s *Server) verifyClient(ctx context.Context, cred clientCredentials) (*model.Client, *Error) {
	client, err := s.getClient(ctx, cred.id)
	if err != nil && !errors.Is(err, model.ErrNotFound) {
		return nil, asError(err, "get_client")
	}
	unknown := err
	if unknown != nil {
		client = nil
	}
	if cred.method != model.AuthNone {
		ok, err := s.verifySecret(ctx, client, cred.secret)
		if err != nil {
			return nil, asError(err, "verify_secret")
		}
		if client != nil && client.Method() == cred.method && !ok {
			return nil, invalidClient("client_secret", errors.New("the secret is wrong or has expired"))
		}
	}
	switch {
	case client == nil:
		return nil, invalidClient("client_unknown", whyUnknown(cred.id, unknown))
	case client.Method() != cred.method:
		return nil, invalidClient("client_method", fmt.Errorf("the client is registered for %s, but used %s", client.Method(), cred.method)).instead(cred.method, client.Method())
	case !client.Public && cred.method == model.AuthNone:
		// Validate refuses such a client, but not every store asks it.
		return nil, invalidClient("client_method", errors.New("the client is confidential, but registered to authenticate by nothing"))
	case client.Disabled:
		return nil, invalidClient("client_disabled", errors.New("the client is disabled"))
	}
	return client, nil
}

func (s *Server) verifySecret(ctx context.Context, c *model.Client, secret string) (bool, error) {
	if s.cfg.VerifySecret != nil {
		ok, err := s.cfg.VerifySecret(ctx, c, secret)
		return ok && c != nil, err
	}
	return c.MatchesSecret(secret, s.cfg.Clock()), nil
}
