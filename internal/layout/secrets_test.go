package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secretName is what holds something that a caller could guess byte by byte, if a comparison ended at the first wrong one.
var secretName = regexp.MustCompile(`(?i)secret|password|registrationtoken|initialaccesstoken|\.challenge$|verifier|^sum`)

// leaking are functions that end at the first difference.
var leaking = []string{"bytes.Equal", "bytes.Compare", "bytes.HasPrefix", "strings.Compare", "strings.EqualFold", "strings.HasPrefix", "slices.Equal", "slices.Contains", "slices.Index", "reflect.DeepEqual"}

// TestSecretsAreCompared: a measured time would tell little on a busy machine, so this looks at how the code compares.
func TestSecretsAreCompared(t *testing.T) {
	t.Parallel()
	t.Run("attack-E14 never by what ends at the first wrong byte", func(t *testing.T) {
		t.Parallel()
		constant := 0
		for _, folder := range []string{"model", "engine", "ginoauth"} {
			files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, name := range files {
				if strings.HasSuffix(name, "_test.go") {
					continue
				}
				set := token.NewFileSet()
				file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
				require.NoError(t, err)
				ast.Inspect(file, func(n ast.Node) bool {
					if isCallOf(n, "subtle.ConstantTimeCompare") {
						constant++
					}
					if what := leaks(n); what != "" {
						assert.Fail(t, "a secret is compared byte by byte", "%s: %s: use crypto/subtle", set.Position(n.Pos()), what)
					}
					return true
				})
			}
		}
		assert.GreaterOrEqual(t, constant, 5, "where have the comparisons gone?")
	})
	t.Run("the check sees what it is for", func(t *testing.T) {
		t.Parallel()
		for source, want := range map[string]bool{
			`secret == h.Digest`: true, `c.RegistrationToken != sum`: true, `bytes.Equal(sum[:], code.Challenge[:])`: true,
			`slices.Contains(p.InitialAccessTokens, d)`: true, `strings.EqualFold(password, p)`: true,
			`secret == ""`: false, `len(c.Secrets) == 0`: false, `g.cfg.VerifySecret != nil`: false, `secret == model.AuthNone`: false,
			`c.AuthMethod == AuthSecretPost`: false, `subtle.ConstantTimeCompare(sum[:], secret[:]) == 1`: false,
		} {
			e, err := parser.ParseExpr(source)
			require.NoError(t, err)
			assert.Equal(t, want, leaks(e) != "", source)
		}
	})
}

// leaks returns the comparison, if the node is one of secrets that takes a time of its own.
func leaks(n ast.Node) string {
	switch e := n.(type) {
	case *ast.BinaryExpr:
		if e.Op == token.EQL || e.Op == token.NEQ {
			if isSecret(e.X) && !isPublic(e.Y) || isSecret(e.Y) && !isPublic(e.X) {
				return types.ExprString(e)
			}
		}
	case *ast.CallExpr:
		for _, name := range leaking {
			if !isCallOf(e, name) {
				continue
			}
			for _, arg := range e.Args {
				if isSecret(arg) {
					return types.ExprString(e)
				}
			}
		}
	}
	return ""
}

func isCallOf(n ast.Node, function string) bool {
	call, ok := n.(*ast.CallExpr)
	return ok && types.ExprString(call.Fun) == function
}

// isSecret goes by the name.
func isSecret(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SliceExpr:
		return isSecret(e.X)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		text := types.ExprString(e)
		return secretName.MatchString(text) && !isPublic(e)
	}
	return false
}

// isPublic reports whether everybody knows what this is: a literal, nil, or a constant that names a method or grant type.
func isPublic(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit, *ast.CompositeLit:
		return true
	case *ast.Ident, *ast.SelectorExpr:
		text := types.ExprString(e)
		text = text[strings.LastIndexByte(text, '.')+1:]
		return text == "nil" || strings.HasPrefix(text, "Auth") || strings.HasPrefix(text, "Grant")
	}
	return false
}
