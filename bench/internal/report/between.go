package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Between replaces what stands in a file between the two markers of a part, and
// leaves alone what people wrote around it. A file that there is not yet begins
// with the title.
func Between(file, title, part, text string) error {
	begin, end := fmt.Sprintf("<!-- %s: written by make bench, do not edit -->\n", part), fmt.Sprintf("<!-- end of %s -->\n", part)
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = []byte(title), nil
	}
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	before, rest, found := strings.Cut(string(old), begin)
	if !found {
		before = strings.TrimRight(string(old), "\n") + "\n\n"
		rest = end
	}
	_, after, closed := strings.Cut(rest, end)
	if !closed {
		return fmt.Errorf("report: %s: the marker %q is gone", file, strings.TrimSpace(end))
	}
	text = begin + "\n" + strings.Trim(text, "\n") + "\n\n" + end
	if err := os.WriteFile(file, []byte(before+text+after), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
