package sqlstore

import "github.com/gin-oauth/gin-oauth-server/model"

// What the tests look at from outside.

func Render(d Dialect, statement, prefix string) string { return d.render(statement, prefix) }

func Retryable(d Dialect, err error) bool { return d.retryable(err) }

func EncodeClient(c *model.Client) ([]byte, error) { return encodeClient(c) }

func DecodeClient(id string, data []byte) (*model.Client, error) { return decodeClient(id, data) }

// Statements returns the statements of each migration of a dialect.
func Statements(d Dialect, prefix string) (names []string, statements [][]string, err error) {
	list, err := migrations(d, prefix)
	for _, m := range list {
		names, statements = append(names, m.name), append(statements, m.statements())
	}
	return names, statements, err
}
