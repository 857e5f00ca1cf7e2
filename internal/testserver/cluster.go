package testserver

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A Cluster is a Redis Cluster: three masters, without replicas, each with a third
// of the slots.
type Cluster struct {
	// Nodes are the masters. Each may be killed and paused like any server.
	Nodes []*Server
}

// RedisCluster starts a Redis Cluster, which ends with the test. The settings are
// those of [Redis].
func RedisCluster(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	k := redis{cluster: true}
	c := &Cluster{}
	for range 3 {
		c.Nodes = append(c.Nodes, forTest(tb, k, settings))
	}
	args := append([]string{"--cluster", "create"}, c.Addrs()...)
	program, err := find(k.folders(), "redis-cli", "valkey-cli")
	if err == nil {
		_, err = run(c.Nodes[0], nil, program, append(args, "--cluster-yes")...)
	}
	for _, s := range c.Nodes {
		if err == nil {
			err = s.awaitCluster()
		}
	}
	if err != nil {
		tb.Fatalf("testserver: make a cluster of Redis servers: %v", err)
	}
	return c
}

// awaitCluster returns when the node finds the cluster complete.
func (s *Server) awaitCluster() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		info, err := redis{}.cli(s, s.url, "cluster", "info")
		if err == nil && bytes.Contains(info, []byte("cluster_state:ok")) && bytes.Contains(info, []byte("cluster_known_nodes:3")) {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("it is not complete: %s", info), err)
		}
	}
}

// Addrs are the addresses of the nodes, host:port each.
func (c *Cluster) Addrs() (addrs []string) {
	for _, s := range c.Nodes {
		addrs = append(addrs, s.url.Host)
	}
	return addrs
}

// DSN is a URL with the addresses of all nodes, such as
// redis://127.0.0.1:1?addr=127.0.0.1:2&addr=127.0.0.1:3.
func (c *Cluster) DSN() string {
	var more []string
	for _, addr := range c.Addrs()[1:] {
		more = append(more, "addr="+url.QueryEscape(addr))
	}
	u := url.URL{Scheme: "redis", Host: c.Nodes[0].url.Host, RawQuery: strings.Join(more, "&")}
	return u.String()
}
