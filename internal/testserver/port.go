package testserver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are drawn below those that the system gives to whoever connects: a client that tries and tries to reach a server
// that was killed would else be given the server's port one day, reach itself, and keep the server from starting again.
// The nodes of a Redis cluster take the port that is busOffset higher, too.
const (
	lowestPort  = 10000
	highestPort = 22000
	busOffset   = 10000
)

// freePort is a port of the loopback interface that nobody listens on.
func freePort() (int, error) {
	err := errors.New("no port is free")
	for range 100 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if err = listens(port); err == nil {
			err = listens(port + busOffset)
		}
		if err == nil {
			return port, nil
		}
	}
	return 0, err
}

// listens returns nil if one can listen on the port.
func listens(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return l.Close()
}
