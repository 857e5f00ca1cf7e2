package testserver

import (
	"os"
	"path/filepath"
)

const (
	folderPrefix = "testserver"
	lockFile     = "lock"
)

// removeAbandoned removes the folders of programs that were killed before they could: a server's files are many. What
// cannot be removed is left.
func removeAbandoned() {
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range folders {
		if abandoned(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}
