// Uses the tools of the MCP server as an MCP host does, with the official SDK: it is told nothing but the server's URL. The
// user's browser is played by the test that started this program: a line with {"authorize": URL} on standard output asks it
// to send the user there, and the next line of standard input is the URL that the user came back to. The last line is
// {"ok": true, ...}.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { discoverOAuthServerInfo, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

// How the server comes to know this client: information of a client that is registered, the URL of its metadata document,
// or neither, so that it registers.
const { issuer, redirectUri, information, metadataUrl } = JSON.parse(process.argv[2])
const url = new URL('/mcp', issuer)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

// What a host keeps of one server, and its way to the browser.
class Provider {
  #state = randomUUID()
  #verifier
  saved = { information, tokens: undefined }
  counts = { registrations: 0, authorizations: 0, tokens: 0 }
  redirectUrl = redirectUri
  clientMetadataUrl = metadataUrl
  clientMetadata = {
    client_name: 'Test Host',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  state = () => this.#state
  clientInformation = () => this.saved.information
  saveClientInformation = (information) => {
    this.counts.registrations++
    this.saved.information = information
  }
  tokens = () => this.saved.tokens
  saveTokens = (tokens) => {
    this.counts.tokens++
    this.saved.tokens = tokens
  }
  saveCodeVerifier = (verifier) => (this.#verifier = verifier)
  codeVerifier = () => this.#verifier
  redirectToAuthorization = (authorize) => {
    this.counts.authorizations++
    this.authorize = authorize
  }
}

const provider = new Provider()
const connect = async () => {
  const transport = new StreamableHTTPClientTransport(url, { authProvider: provider })
  const client = new Client({ name: 'test-host', version: '1.0.0' })
  return { client, transport, connected: client.connect(transport) }
}

// The challenge leads to the metadata of the resource, those to the authorization server's.
const info = await discoverOAuthServerInfo(url)
assert.equal(info.authorizationServerUrl, issuer)
assert.equal(info.authorizationServerMetadata.issuer, issuer)
assert.equal(info.resourceMetadata.resource, url.href)
assert.deepEqual(info.resourceMetadata.scopes_supported, ['notes'])

// The first call is refused; the user is asked.
const first = await connect()
await assert.rejects(first.connected, UnauthorizedError)
assert.equal(provider.counts.authorizations, 1)
const asked = provider.authorize.searchParams
assert.equal(asked.get('client_id'), provider.saved.information.client_id)
assert.equal(asked.get('code_challenge_method'), 'S256')
assert.equal(asked.get('scope'), 'notes')
assert.equal(asked.get('resource'), url.href)
console.log(JSON.stringify({ authorize: provider.authorize.href }))
const answer = new URL((await lines.next()).value).searchParams
assert.equal(answer.get('error'), null, answer.get('error_description'))
assert.equal(answer.get('state'), provider.state())
assert.equal(answer.get('iss'), issuer)
await first.transport.finishAuth(answer.get('code'))
assert.equal(provider.saved.tokens.scope, 'notes')

// The tools work in the user's name.
const { client, connected } = await connect()
await connected
const { tools } = await client.listTools()
assert.deepEqual(tools.map((tool) => tool.name).sort(), ['add_note', 'list_notes'])
const call = async (name, args = {}) => {
  const result = await client.callTool({ name, arguments: args })
  assert.ok(!result.isError, JSON.stringify(result.content))
  return result.structuredContent.notes
}
assert.deepEqual(await call('list_notes'), [])
assert.deepEqual(await call('add_note', { text: 'written by a tool' }), ['written by a tool'])

// An access token that is good no more: the SDK refreshes on the way, and nobody is asked again.
const old = provider.saved.tokens
provider.saved.tokens = { ...old, access_token: 'expired' }
assert.deepEqual(await call('list_notes'), ['written by a tool'])
assert.notEqual(provider.saved.tokens.access_token, old.access_token)
assert.notEqual(provider.saved.tokens.refresh_token, old.refresh_token)
assert.deepEqual([provider.counts.authorizations, provider.counts.tokens], [1, 2])

await client.close()
console.log(JSON.stringify({ ok: true, client_id: provider.saved.information.client_id, registrations: provider.counts.registrations }))
process.exit(0)
