package testserver

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

type redis struct {
	cluster bool
	own     bool // started here, whatever the environment names
}

// databases is how many numbered databases a server that is started here has.
const databases = 4096

func (k redis) name() (name, env string) {
	if k.cluster {
		return "Redis (node of a cluster)", "" // always started here
	}
	if k.own {
		return "Redis", ""
	}
	return "Redis", "TEST_REDIS_URL"
}

func (redis) accounts() []string { return []string{"redis"} }

func (redis) folders() []string { return []string{"/opt/homebrew/bin", "/usr/local/bin"} }

func (redis) parse(dsn string) (url.URL, error) { return parseURL(dsn, "redis", "rediss") }

func (k redis) prepare(s *Server) error {
	s.url = url.URL{Scheme: "redis", Path: "/0"}
	if err := os.Mkdir(s.data(), 0o700); err != nil {
		return err
	}
	return own(s.data(), k.accounts())
}

func (k redis) command(s *Server) (program string, args []string, err error) {
	program, err = find(k.folders(), "redis-server", "valkey-server")
	settings := []string{
		"port " + strconv.Itoa(s.port), "bind 127.0.0.1", "dir " + s.data(), "save ", "appendonly yes", "appendfsync always",
		"maxmemory-policy noeviction",
	}
	if k.cluster {
		settings = append(settings, "cluster-enabled yes", "cluster-node-timeout 2000")
	} else {
		settings = append(settings, "databases "+strconv.Itoa(databases))
	}
	for _, setting := range append(settings, s.settings...) {
		name, value, _ := strings.Cut(setting, " ")
		args = append(args, "--"+name, value)
	}
	return program, args, err
}

func (k redis) ready(s *Server, pid int) error {
	info, err := k.cli(s, s.url, "info", "server")
	if err != nil {
		return err
	}
	if !bytes.Contains(info, fmt.Appendf(nil, "process_id:%d\r", pid)) {
		return errors.New("another process answers: " + string(info[:min(len(info), 200)]))
	}
	return nil
}

// cli runs a command and returns the answer as text. An error of the server's is an error.
func (k redis) cli(s *Server, dsn url.URL, args ...string) ([]byte, error) {
	program, err := find(k.folders(), "redis-cli", "valkey-cli")
	if err != nil {
		return nil, err
	}
	var env []string
	if password, ok := dsn.User.Password(); ok {
		env = append(env, "REDISCLI_AUTH="+password)
		dsn.User = nil
		if u := s.url.User.Username(); u != "" {
			args = append([]string{"--user", u}, args...)
		}
	}
	dsn.RawQuery = ""
	return run(s, env, program, append([]string{"-e", "-u", dsn.String()}, args...)...)
}

func claim(number string) string { return "testserver:database:" + number }

// create finds a database that nobody uses.
func (k redis) create(s *Server, n int) (url.URL, error) {
	dsn := s.url
	if k.cluster {
		return dsn, errors.New("a cluster has one database only: use a prefix of your own")
	}
	if s.managed {
		dsn.Path = "/" + strconv.Itoa(1+(n-1)%(databases-1))
		return dsn, k.mustBeEmpty(s, dsn)
	}
	own := strings.TrimPrefix(s.url.Path, "/")
	for i := range 16 {
		number := strconv.Itoa(i)
		if number == own || i == 0 && own == "" {
			continue
		}
		got, err := k.cli(s, s.url, "set", claim(number), "taken", "NX", "EX", "3600")
		if err != nil {
			return dsn, err
		}
		if !bytes.HasPrefix(got, []byte("OK")) {
			continue
		}
		dsn.Path = "/" + number
		if k.mustBeEmpty(s, dsn) == nil {
			return dsn, nil
		}
		if _, err := k.cli(s, s.url, "del", claim(number)); err != nil {
			return dsn, err
		}
	}
	return dsn, errors.New("none of its databases 0 to 15 is empty and free")
}

func (k redis) mustBeEmpty(s *Server, dsn url.URL) error {
	size, err := k.cli(s, dsn, "dbsize")
	if err == nil && strings.TrimSpace(string(size)) != "0" {
		err = fmt.Errorf("database %s holds %s keys", dsn.Path, bytes.TrimSpace(size))
	}
	return err
}

func (k redis) drop(s *Server, dsn url.URL) error {
	if _, err := k.cli(s, dsn, "flushdb"); err != nil || s.managed {
		return err
	}
	_, err := k.cli(s, s.url, "del", claim(strings.TrimPrefix(dsn.Path, "/")))
	return err
}

// dumpScript returns all keys and all that is in them. In Lua, so that the values come back as they are.
const dumpScript = `
local all = {}
for _, key in ipairs(redis.call("KEYS", "*")) do
	all[#all + 1] = key
	local kind = redis.call("TYPE", key)["ok"]
	if kind == "string" then all[#all + 1] = redis.call("GET", key)
	elseif kind == "hash" then for _, v in ipairs(redis.call("HGETALL", key)) do all[#all + 1] = v end
	elseif kind == "set" then for _, v in ipairs(redis.call("SMEMBERS", key)) do all[#all + 1] = v end
	elseif kind == "zset" then for _, v in ipairs(redis.call("ZRANGE", key, 0, -1)) do all[#all + 1] = v end
	elseif kind == "list" then for _, v in ipairs(redis.call("LRANGE", key, 0, -1)) do all[#all + 1] = v end
	else return redis.error_reply("unexpected type " .. kind) end
end
return all`

func (k redis) dump(s *Server, dsn url.URL) ([]byte, error) {
	return k.cli(s, dsn, "--raw", "eval", dumpScript, "0")
}
