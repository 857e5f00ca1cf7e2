package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"rsc.io/qr"
)

// What is drawn are the modules of the code, with a border, and each line has the
// same width.
func TestDrawQR(t *testing.T) {
	t.Parallel()
	const link = "http://localhost:8080/device?user_code=WDJB-MJHT"
	drawn, err := drawQR(link)
	require.NoError(t, err)
	code, err := qr.Encode(link, qr.L)
	require.NoError(t, err)

	lines := strings.Split(strings.TrimSuffix(drawn, "\n"), "\n")
	width := code.Size + 2*margin
	require.Len(t, lines, (width+1)/2)
	for i, line := range lines {
		line, ok := strings.CutPrefix(line, "  \x1b[30;107m")
		require.True(t, ok)
		line, ok = strings.CutSuffix(line, "\x1b[0m")
		require.True(t, ok)
		blocks := []rune(line)
		require.Len(t, blocks, width)
		for x, block := range blocks {
			top, bottom := block == '▀' || block == '█', block == '▄' || block == '█'
			require.Equal(t, code.Black(x-margin, 2*i-margin), top)
			require.Equal(t, code.Black(x-margin, 2*i+1-margin), bottom)
		}
	}
	_, err = drawQR(strings.Repeat("x", 5000))
	require.Error(t, err)
}

func TestShowsQR(t *testing.T) {
	t.Parallel()
	_, issuer, _ := server(t)
	gone := func(context.Context, time.Duration) error { return context.Canceled }
	for want, args := range map[bool][]string{false: {"-issuer", issuer}, true: {"-issuer", issuer, "-qr"}} {
		var out bytes.Buffer
		require.Error(t, run(t.Context(), args, &out, gone))
		assert.Equal(t, want, strings.Contains(out.String(), "█"), "a picture is for terminals, or who asks for it")
	}
	assert.False(t, isTerminal(&bytes.Buffer{}))
	f, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	assert.False(t, isTerminal(f))
}
