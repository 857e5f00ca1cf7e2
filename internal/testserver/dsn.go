package testserver

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// parseURL reads a URL with one of these schemes, and a host.
func parseURL(dsn string, schemes ...string) (url.URL, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		// The error of net/url repeats the URL, with its password.
		return url.URL{}, fmt.Errorf("not a URL: %w", errors.Unwrap(err))
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme && u.Host != "" {
			return *u, nil
		}
	}
	return url.URL{}, fmt.Errorf("expected a URL such as %s://user:password@host:port/database", schemes[0])
}

// GoMySQL turns mysql://user:password@host:port/database?name=value into what
// github.com/go-sql-driver/mysql takes: user:password@tcp(host:port)/database?name=value.
func GoMySQL(dsn string) (string, error) {
	u, err := parseURL(dsn, "mysql", "mariadb")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if u.User != nil {
		b.WriteString(u.User.Username())
		if password, ok := u.User.Password(); ok {
			b.WriteString(":" + password)
		}
		b.WriteString("@")
	}
	host := u.Host
	if u.Port() == "" {
		host += ":3306"
	}
	b.WriteString("tcp(" + host + ")/" + url.PathEscape(strings.TrimPrefix(u.Path, "/")))
	if u.RawQuery != "" {
		b.WriteString("?" + u.RawQuery)
	}
	return b.String(), nil
}

// goMySQL is user:password@tcp(host:port)/database?name=value. The password may hold anything.
var goMySQL = regexp.MustCompile(`^(?:([^:]*)(?::(.*))?@)?tcp\(([^()]+)\)/([^/?]*)(?:\?(.*))?$`)

// fromGoMySQL is the opposite of GoMySQL.
func fromGoMySQL(dsn string) (url.URL, error) {
	m := goMySQL.FindStringSubmatch(dsn)
	if m == nil {
		return url.URL{}, errors.New("expected mysql://user:password@host:port/database or user:password@tcp(host:port)/database")
	}
	name, err := url.PathUnescape(m[4])
	if err != nil {
		return url.URL{}, fmt.Errorf("the name of the database: %w", err)
	}
	return url.URL{Scheme: "mysql", User: url.UserPassword(m[1], m[2]), Host: m[3], Path: "/" + name, RawQuery: m[5]}, nil
}
