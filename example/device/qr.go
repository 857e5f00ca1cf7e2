package main

import (
	"io"
	"os"
	"strings"

	"rsc.io/qr"
)

// margin is the white border that readers need, in modules.
const margin = 4

// drawQR returns a text as a QR code of half blocks: two modules stand one above
// the other in a character. The colours are set, since it has to be dark on light
// whatever the terminal's own are.
func drawQR(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	const blackOnWhite, reset = "\x1b[30;107m", "\x1b[0m"
	// Outside the code Black says no, as the border wants it.
	blocks := map[[2]bool]string{{false, false}: " ", {true, false}: "▀", {false, true}: "▄", {true, true}: "█"}
	var b strings.Builder
	for y := -margin; y < code.Size+margin; y += 2 {
		b.WriteString("  " + blackOnWhite)
		for x := -margin; x < code.Size+margin; x++ {
			b.WriteString(blocks[[2]bool{code.Black(x, y), code.Black(x, y+1)}])
		}
		b.WriteString(reset + "\n")
	}
	return b.String(), nil
}

// isTerminal reports whether somebody is there to see a picture.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
