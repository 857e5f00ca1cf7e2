package peer

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
)

// nodeFolder is where the program for Node is, seen from the module's folder.
const nodeFolder = "node"

// Express is @node-oauth/express-oauth-server, the library that this project is a
// port of. It is there when Node and its packages are.
func Express() (Peer, error) {
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(nodeFolder + "/node_modules/@node-oauth/express-oauth-server")
	}
	if err != nil {
		return Peer{}, fmt.Errorf("express-oauth-server is left out (npm ci --ignore-scripts --prefix %s): %w", nodeFolder, err)
	}
	return Peer{
		Name: "express", Title: "express-oauth-server (Node)", Refusal: http.StatusUnauthorized,
		Command: []string{node, "--expose-gc", nodeFolder + "/server.mjs"},
		Env: []string{
			"NODE_ENV=production", "ID=" + ClientID, "SECRET=" + ClientSecret, "REDIRECT_URI=" + RedirectURI, "USER_ID=" + UserID,
			fmt.Sprintf("CODE_LIFETIME=%.0f", CodeLifetime.Seconds()),
			fmt.Sprintf("ACCESS_LIFETIME=%.0f", AccessLifetime.Seconds()),
			fmt.Sprintf("REFRESH_LIFETIME=%.0f", RefreshLifetime.Seconds()),
		},
		Notes: []string{
			"Express 5 and a model in maps; the secret under SHA-256; codes and tokens are stored as they are",
			"PKCE is checked where a challenge was sent, and cannot be demanded; collector and compiler of Node run on threads of their own, which the one core has to carry too",
		},
		Lax: []string{"the tokens of a code used twice", "the tokens of a refresh token used twice"},
	}, nil
}
