package demo

// A SeedFile is the demo's seed file: RFC 7591 names for clients.
type SeedFile struct {
	Clients []Client `json:"clients"`
	Users   []User   `json:"users"`
}

// A Client of the seed file.
type Client struct {
	ID           string   `json:"client_id"`
	Secret       string   `json:"client_secret,omitempty"`
	Name         string   `json:"client_name"`
	RedirectURIs []string `json:"redirect_uris"`
	GrantTypes   []string `json:"grant_types"`
	Scope        string   `json:"scope"`
	AuthMethod   string   `json:"token_endpoint_auth_method"`

	ResourceServer bool `json:"resource_server,omitempty"` // not of RFC 7591
}

// A User of the seed file.
type User struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Name     string `json:"name"`
}

// Callback is the redirect URI of the web clients of Seed. Nobody listens there: the tests read the redirect itself.
const Callback = "https://app.example/callback"

// DeviceGrant is the grant type of RFC 8628.
const DeviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// Seed has one user, alice, and a client for each way to authenticate. The secrets hold characters that Basic has to
// have encoded (RFC 6749, section 2.3.1).
func Seed() *SeedFile {
	user := []string{"authorization_code", "refresh_token"}
	return &SeedFile{
		Users: []User{{Username: "alice", Password: "wonderland", Name: "Alice"}},
		Clients: []Client{
			{ID: "web", Secret: "w:eb secret+100%/é", Name: "Web App", RedirectURIs: []string{Callback}, GrantTypes: user, Scope: "profile read write", AuthMethod: "client_secret_basic"},
			{ID: "post", Secret: "post-secret&=+%", Name: "Post App", RedirectURIs: []string{Callback + "?tenant=1"}, GrantTypes: user, Scope: "profile read", AuthMethod: "client_secret_post"},
			{ID: "spa", Name: "Single Page", RedirectURIs: []string{Callback}, GrantTypes: user, Scope: "profile read", AuthMethod: "none"},
			{ID: "cli", Name: "Terminal", RedirectURIs: []string{"http://127.0.0.1/callback"}, GrantTypes: user, Scope: "profile read", AuthMethod: "none"},
			{ID: "device", Name: "Notes in a terminal", RedirectURIs: []string{}, GrantTypes: []string{DeviceGrant, "refresh_token"}, Scope: "profile read", AuthMethod: "none"},
			{ID: "machine", Secret: "machine-secret-0123456789", Name: "Machine", RedirectURIs: []string{}, GrantTypes: []string{"client_credentials"}, Scope: "read write", AuthMethod: "client_secret_basic"},
			{ID: "notes-api", Secret: "n:otes api+secret%2F/é", Name: "Notes API", RedirectURIs: []string{}, GrantTypes: []string{"refresh_token"}, AuthMethod: "client_secret_basic", ResourceServer: true},
		},
	}
}

// Client returns the client with this id.
func (f *SeedFile) Client(id string) Client {
	for _, c := range f.Clients {
		if c.ID == id {
			return c
		}
	}
	panic("no client " + id)
}
