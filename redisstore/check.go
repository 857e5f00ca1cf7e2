package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// oldest is the first major version of Redis in which a script may ask for the time
// and write.
const oldest = 5

// checkClient returns what is wrong with how the client was set up. How often it
// would send a command again (MaxRetries, MaxRedirects) does not matter: the writing
// verbs are sent once, see [once].
func checkClient(client redis.UniversalClient) []error {
	switch c := client.(type) {
	case nil:
		return []error{errors.New("redisstore: the client is nil: make one with redis.NewUniversalClient")}
	case *redis.ClusterClient:
		if o := c.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return []error{errors.New("redisstore: the cluster client reads from replicas, and one that lags answers for a revoked grant: " +
				"leave ReadOnly, RouteByLatency and RouteRandomly false")}
		}
	case *redis.Ring:
		return []error{errors.New("redisstore: a redis.Ring moves keys to other servers when one is down, which forgets what was revoked: " +
			"use Redis Cluster, or one server with replicas and Sentinel")}
	}
	return nil
}

// finding is something to be said about a server's settings.
type finding struct {
	level               slog.Level
	what, loses, remedy string
}

// checkServer asks the server, or each master of a cluster, whether it can be used,
// and logs what its settings can lose.
func (s *Store) checkServer(ctx context.Context, log *slog.Logger) error {
	var mu sync.Mutex
	servers := map[finding][]string{}
	look := func(ctx context.Context, c *redis.Client) error {
		found, err := s.inspect(ctx, c)
		if err != nil {
			return fmt.Errorf("redisstore: server %s: %w", c.Options().Addr, err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, f := range found {
			servers[f] = append(servers[f], c.Options().Addr)
		}
		return nil
	}
	var err error
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(ctx, look)
	case *redis.Client:
		err = look(ctx, c)
		if err == nil {
			s.oneSlot, err = s.takesAnyKeys(ctx)
		}
	default: // somebody's wrapper, of which nothing is known
		err = s.client.Ping(ctx).Err()
	}
	if err != nil {
		return err
	}
	for f, at := range servers {
		slices.Sort(at)
		log.LogAttrs(ctx, f.level, "redisstore: "+f.what,
			slog.String("loses", f.loses), slog.String("remedy", f.remedy), slog.String("servers", strings.Join(at, " ")))
	}
	return nil
}

// inspect returns what is to be said about one server, or why it cannot be used.
func (s *Store) inspect(ctx context.Context, c *redis.Client) ([]finding, error) {
	text, err := c.Info(ctx).Result()
	// It may be forbidden. A wrong password is another matter.
	if err != nil && !redis.HasErrorPrefix(err, "NOPERM") && !redis.HasErrorPrefix(err, "unknown command") {
		return nil, fmt.Errorf("cannot be asked for its state: %w", err)
	}
	info := parseInfo(text)
	if major, err := strconv.Atoi(strings.Split(info["redis_version"], ".")[0]); err == nil && major < oldest {
		return nil, fmt.Errorf("is Redis %s: version %d or later is needed", info["redis_version"], oldest)
	}
	if info["role"] == "slave" {
		return nil, errors.New("is a replica, which cannot be written to and answers for revoked grants while it lags: connect to its master")
	}
	if _, cluster := s.client.(*redis.ClusterClient); !cluster && info["cluster_enabled"] == "1" {
		return nil, errors.New("is part of a cluster: use redis.NewClusterClient")
	}
	if err := s.scripts.load(ctx, c); err != nil && !answered(err) {
		return nil, fmt.Errorf("cannot be given the scripts: %w", err)
	}
	found := append(deadlines(c.Options().ContextTimeoutEnabled), evicting(info["maxmemory_policy"])...)
	config, err := c.ConfigGet(ctx, "append*").Result()
	if err != nil && !answered(err) {
		return nil, fmt.Errorf("cannot be asked for its settings: %w", err)
	}
	return append(found, persistence(info["aof_enabled"], config["appendfsync"])...), nil
}

// answered reports whether an error is the server's answer. Managed services forbid
// CONFIG, each in its own words.
func answered(err error) bool {
	var refusal redis.Error
	return errors.As(err, &refusal)
}

// parseInfo reads the answer to INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

func deadlines(kept bool) []finding {
	if kept {
		return nil
	}
	return []finding{{
		slog.LevelWarn, "the client does not keep the deadlines of contexts",
		"time: while the server hangs, every request waits for ReadTimeout, for its rate limit alone", "set ContextTimeoutEnabled in the client's options",
	}}
}

func evicting(policy string) []finding {
	switch policy {
	case "noeviction":
		return nil
	case "":
		return []finding{{slog.LevelInfo, "the server does not tell its maxmemory-policy", "nothing, if it is noeviction", "see that maxmemory-policy is noeviction"}}
	}
	return []finding{{
		slog.LevelWarn, "maxmemory-policy is " + policy,
		"when memory is short, live tokens and the marks of spent and revoked ones", "set maxmemory-policy to noeviction",
	}}
}

func persistence(aof, fsync string) []finding {
	const remedy = "set appendonly to yes and appendfsync to always"
	switch {
	case aof == "0":
		return []finding{{
			slog.LevelWarn, "the server keeps no append-only file",
			"all writes since the last snapshot when it stops: tokens end, and what was revoked or spent lives again", remedy,
		}}
	case fsync == "everysec":
		return []finding{{
			slog.LevelWarn, "appendfsync is everysec",
			"about the last second of acknowledged writes when the machine stops: a grant revoked then lives again", remedy,
		}}
	case fsync == "no":
		return []finding{{
			slog.LevelWarn, "appendfsync is no",
			"up to half a minute of acknowledged writes when the machine stops: what was revoked or spent then lives again", remedy,
		}}
	case fsync == "":
		return []finding{{
			slog.LevelInfo, "the server does not tell its appendfsync, so it could not be checked",
			"acknowledged writes, unless appendfsync is always", remedy,
		}}
	}
	return nil
}

// takesAnyKeys reports whether a script may be given keys of different slots. Some
// services look like one server and are a cluster inside.
func (s *Store) takesAnyKeys(ctx context.Context) (bool, error) {
	err := s.client.Eval(ctx, "return 1", []string{s.prefix + "{a}", s.prefix + "{b}"}).Err()
	switch {
	case err == nil:
		return true, nil
	case redis.HasErrorPrefix(err, "CROSSSLOT"):
		return false, nil
	}
	return false, fmt.Errorf("redisstore: the server runs no scripts: %w", err)
}
