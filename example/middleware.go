package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
)

// logRequests logs each request without its query: codes and states stand there.
func logRequests(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		if !log.Enabled(c.Request.Context(), slog.LevelInfo) {
			return
		}
		log.LogAttrs(c.Request.Context(), slog.LevelInfo, "request",
			slog.String("method", c.Request.Method),
			slog.String("path", c.Request.URL.Path),
			slog.Int("status", c.Writer.Status()),
			slog.Duration("took", time.Since(start).Round(time.Microsecond)),
			slog.String("from", c.ClientIP()),
		)
	}
}

// recoverPanics answers 500 and logs where it happened, and nothing of the
// request: gin's own recovery may print cookies and queries.
func recoverPanics(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			log.Error("panic", "path", c.Request.URL.Path, "panic", p, "stack", string(debug.Stack()))
			if !c.Writer.Written() {
				c.String(http.StatusInternalServerError, "Something went wrong here. Please try again.\n")
			}
			c.Abort()
		}()
		c.Next()
	}
}

// requestTimeout bounds how long a request may take: when the store hangs, an
// error after a while is better than a queue without end.
const requestTimeout = 10 * time.Second

// limitTime gives requests a time by which what they wait for is given up.
func limitTime(d time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), d)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}
}

// fromClient makes the request look as if it came without the trusted proxies in
// between, so that everything after it, the rate limits of the authorization
// server too, sees the client's address.
func fromClient(c *gin.Context) {
	if ip := c.ClientIP(); ip != "" && ip != c.RemoteIP() {
		c.Request.RemoteAddr = net.JoinHostPort(ip, "0")
	}
	c.Next()
}
