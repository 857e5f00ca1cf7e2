//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/gin-oauth/gin-oauth-server/bench/internal/peer"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/report"
	"github.com/gin-oauth/gin-oauth-server/bench/internal/server"
)

// The files that a run writes.
const (
	pageFile    = "performance.md"
	pictureFile = "performance.svg"
	pageTitle   = "# Performance\n"
)

// write writes the tables and the picture.
func write(folder string, results *report.Results, run report.Run) error {
	var tables, picture bytes.Buffer
	report.Markdown(&tables, results, run)
	report.SVG(&picture, results, run)
	if err := report.Between(filepath.Join(folder, pageFile), pageTitle, "comparison", tables.String()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, pictureFile), picture.Bytes(), 0o644)
}

// machine describes what this runs on, as far as it matters.
func machine(cores *server.Cores) string {
	return fmt.Sprintf("%d cores of %s with %s, %s", cores.Count(), processor(), runtime.GOOS+"/"+runtime.GOARCH, runtime.Version())
}

// processor returns the name that the system gives the processor.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "a processor" // other systems do not tell so easily
	}
	_, rest, _ := strings.Cut(string(info), "model name")
	_, rest, _ = strings.Cut(rest, ":")
	name, _, _ := strings.Cut(rest, "\n")
	if name = strings.TrimSpace(name); name == "" {
		return "a processor"
	}
	return name
}

// versions returns the versions of the peers' modules and of Gin.
func versions(peers []peer.Peer) []string {
	wanted := []string{"github.com/gin-gonic/gin"}
	for _, p := range peers {
		wanted = append(wanted, p.Modules...)
	}
	var list []string
	info, found := debug.ReadBuildInfo()
	if !found {
		return nil
	}
	for _, m := range info.Deps {
		for _, w := range wanted {
			if m.Path == w {
				list = append(list, strings.TrimPrefix(m.Path, "github.com/")+" "+m.Version)
			}
		}
	}
	return list
}
