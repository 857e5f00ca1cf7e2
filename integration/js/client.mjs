// Uses the demo with oauth4webapi, a client that refuses what does not conform. It plays the application; the user's browser
// is played by the test that started this program: a line with {"authorize": URL} on standard output asks it to send the user
// there, and the next line of standard input is the URL that the user came back to. {"device": URL, "decision": "allow"} asks
// the user to open the link of a device and to decide. The last line is {"ok": true}.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import * as oauth from 'oauth4webapi'

const { issuer, clients } = JSON.parse(process.argv[2])
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
// The demo is on http://localhost; everything else stays as strict as the library is.
const options = { [oauth.allowInsecureRequests]: true }

const as = await oauth
  .discoveryRequest(new URL(issuer), { ...options, algorithm: 'oauth2' })
  .then((response) => oauth.processDiscoveryResponse(new URL(issuer), response))
assert.equal(as.authorization_response_iss_parameter_supported, true)
assert.deepEqual(as.code_challenge_methods_supported, ['S256'])
assert.deepEqual(as.response_types_supported, ['code'])

const authentications = {
  client_secret_basic: (c) => oauth.ClientSecretBasic(c.client_secret),
  client_secret_post: (c) => oauth.ClientSecretPost(c.client_secret),
  none: () => oauth.None(),
}

// Sends the user through the front channel and checks the answer: iss, state, error.
async function frontChannel(c, redirectUri, scope) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = new URL(as.authorization_endpoint)
  url.search = new URLSearchParams({
    client_id: c.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  console.log(JSON.stringify({ authorize: url.href }))
  const callback = new URL((await lines.next()).value)
  const client = { client_id: c.client_id }
  return { client, verifier, parameters: oauth.validateAuthResponse(as, client, callback, state), state, callback }
}

async function api(token, path) {
  return oauth.protectedResourceRequest(token, 'GET', new URL(path, issuer), undefined, undefined, options)
}

async function code(c) {
  const auth = authentications[c.token_endpoint_auth_method](c)
  const redirectUri = c.redirect_uris[0]
  const { client, verifier, parameters, state, callback } = await frontChannel(c, redirectUri, 'profile read')

  // RFC 9207: an answer that another issuer could have sent is refused by the client.
  const mixedUp = new URL(callback)
  mixedUp.searchParams.set('iss', 'https://attacker.example')
  assert.throws(() => oauth.validateAuthResponse(as, client, mixedUp, state), { code: oauth.INVALID_RESPONSE })

  const exchange = () => oauth.authorizationCodeGrantRequest(as, client, auth, parameters, redirectUri, verifier, options)
  const first = await oauth.processAuthorizationCodeResponse(as, client, await exchange())
  assert.equal(first.token_type, 'bearer')
  assert.equal(first.scope, 'profile read')
  assert.ok(first.expires_in > 0)
  const me = await (await api(first.access_token, '/api/me')).json()
  assert.equal(me.client_id, c.client_id)

  const refresh = (token, parameters) =>
    oauth
      .refreshTokenGrantRequest(as, client, auth, token, { ...options, additionalParameters: parameters })
      .then((response) => oauth.processRefreshTokenResponse(as, client, response))
  const second = await refresh(first.refresh_token)
  assert.notEqual(second.refresh_token, first.refresh_token)
  assert.equal((await api(second.access_token, '/api/notes')).status, 200)
  const narrowed = await refresh(second.refresh_token, { scope: 'read' })
  assert.equal(narrowed.scope, 'read')
  await assert.rejects(api(narrowed.access_token, '/api/me'), (error) => {
    assert.equal(error.code, oauth.WWW_AUTHENTICATE_CHALLENGE)
    assert.equal(error.status, 403)
    assert.equal(error.cause[0].scheme, 'bearer')
    assert.equal(error.cause[0].parameters.error, 'insufficient_scope')
    assert.equal(error.cause[0].parameters.scope, 'profile')
    return true
  })
  await assert.rejects(refresh(narrowed.refresh_token, { scope: 'read write' }), refusal('invalid_scope'))

  // The code a second time: refused, and what came of it is revoked.
  await assert.rejects(
    exchange().then((response) => oauth.processAuthorizationCodeResponse(as, client, response)),
    refusal('invalid_grant'),
  )
  await assert.rejects(api(narrowed.access_token, '/api/notes'), (error) => {
    assert.equal(error.status, 401)
    assert.equal(error.cause[0].parameters.error, 'invalid_token')
    return true
  })
}

async function denied(c) {
  await assert.rejects(frontChannel(c, c.redirect_uris[0], 'write'), (error) => {
    assert.equal(error.code, oauth.AUTHORIZATION_RESPONSE_ERROR)
    assert.equal(error.error, 'access_denied')
    return true
  })
}

async function clientCredentials(c) {
  const client = { client_id: c.client_id }
  const request = (auth, scope) =>
    oauth
      .clientCredentialsGrantRequest(as, client, auth, { scope }, options)
      .then((response) => oauth.processClientCredentialsResponse(as, client, response))
  const auth = authentications[c.token_endpoint_auth_method](c)
  const token = await request(auth, 'read')
  assert.equal(token.refresh_token, undefined)
  assert.equal((await api(token.access_token, '/api/notes')).status, 200)
  await assert.rejects(request(auth, 'profile'), refusal('invalid_scope'))
  await assert.rejects(request(oauth.ClientSecretBasic('wrong'), 'read'), (error) => {
    // With a Basic header the answer is a challenge (RFC 6749, section 5.2), which this client reports first.
    assert.equal(error.code, oauth.WWW_AUTHENTICATE_CHALLENGE)
    assert.equal(error.status, 401)
    assert.equal(error.cause[0].scheme, 'basic')
    return true
  })
  await assert.rejects(request(oauth.ClientSecretPost('wrong'), 'read'), refusal('invalid_client'))
}

// The device grant (RFC 8628): pending, too fast, and then what the user decided. No poll waits: the one after a slow_down is
// still answered with the token as soon as there is one.
async function device(c, decision) {
  const client = { client_id: c.client_id }
  const auth = authentications[c.token_endpoint_auth_method](c)
  const codes = await oauth.processDeviceAuthorizationResponse(
    as,
    client,
    await oauth.deviceAuthorizationRequest(as, client, auth, { scope: 'profile read' }, options),
  )
  assert.equal(codes.interval, 5)
  assert.match(codes.user_code, /^[B-Z]{4}-[B-Z]{4}$/)
  const poll = () =>
    oauth
      .deviceCodeGrantRequest(as, client, auth, codes.device_code, options)
      .then((response) => oauth.processDeviceCodeResponse(as, client, response))
  await assert.rejects(poll(), refusal('authorization_pending'))
  await assert.rejects(poll(), refusal('slow_down'))
  console.log(JSON.stringify({ device: codes.verification_uri_complete, decision }))
  assert.equal((await lines.next()).value, 'true')
  if (decision === 'deny') return assert.rejects(poll(), refusal('access_denied'))
  const token = await poll()
  assert.equal(token.scope, 'profile read')
  assert.equal((await api(token.access_token, '/api/notes')).status, 200)
  await assert.rejects(poll(), refusal('invalid_grant')) // a second time: refused, and the grant is revoked
  await assert.rejects(api(token.access_token, '/api/notes'), (error) => error.status === 401)
}

// Introspection (RFC 7662) and revocation (RFC 7009): what a client, another client and a resource server are told about a
// token, and that revoking ends what it should and nothing else.
async function endings(c, other, resourceServer) {
  const authOf = (c) => authentications[c.token_endpoint_auth_method](c)
  const client = { client_id: c.client_id }
  const introspect = async (asker, token) => {
    const asking = { client_id: asker.client_id }
    return oauth.processIntrospectionResponse(as, asking, await oauth.introspectionRequest(as, asking, authOf(asker), token, options))
  }
  const revoke = async (asker, token, hint) =>
    oauth.processRevocationResponse(
      await oauth.revocationRequest(as, { client_id: asker.client_id }, authOf(asker), token, {
        ...options,
        additionalParameters: hint && { token_type_hint: hint },
      }),
    )
  const signIn = async () => {
    const { verifier, parameters } = await frontChannel(c, c.redirect_uris[0], 'profile read')
    const response = await oauth.authorizationCodeGrantRequest(as, client, authOf(c), parameters, c.redirect_uris[0], verifier, options)
    return oauth.processAuthorizationCodeResponse(as, client, response)
  }
  const gone = (token) => assert.rejects(api(token, '/api/notes'), (error) => error.status === 401)
  const refresh = async (token) =>
    oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, authOf(c), token, options))

  const first = await signIn()
  const me = await introspect(c, first.access_token)
  assert.equal(me.active, true)
  assert.equal(me.sub, 'alice')
  assert.equal(me.client_id, c.client_id)
  assert.equal(me.scope, 'profile read')
  assert.equal(me.iss, as.issuer)
  assert.equal(me.token_type, 'Bearer')
  assert.ok(me.exp > me.iat && me.exp > Date.now() / 1000)
  assert.deepEqual(await introspect(resourceServer, first.access_token), me)
  assert.equal((await introspect(resourceServer, first.refresh_token)).active, true)
  assert.deepEqual(await introspect(other, first.access_token), { active: false }) // not its own
  assert.deepEqual(await introspect(resourceServer, 'no-token'), { active: false })
  await assert.rejects(introspect({ ...resourceServer, client_secret: 'wrong' }, first.access_token), (error) => error.status === 401)

  // Nobody revokes another's token; what is none counts as revoked (RFC 7009, sections 2.1 and 2.2).
  await assert.rejects(revoke(other, first.access_token), refusal('invalid_grant'))
  await revoke(c, 'no-token', 'access_token')
  assert.equal((await introspect(c, first.access_token)).active, true)

  // An access token ends by itself; its refresh token still gets another.
  await revoke(c, first.access_token, 'refresh_token') // the hint is wrong, and no more than a hint
  await gone(first.access_token)
  assert.deepEqual(await introspect(resourceServer, first.access_token), { active: false })
  const second = await refresh(first.refresh_token)
  assert.equal((await api(second.access_token, '/api/notes')).status, 200)

  // A refresh token ends the grant.
  await revoke(c, second.refresh_token, 'refresh_token')
  await gone(second.access_token)
  await assert.rejects(refresh(second.refresh_token), refusal('invalid_grant'))
  assert.deepEqual(await introspect(resourceServer, second.refresh_token), { active: false })
  await revoke(c, second.refresh_token) // again: as good as the first time
}

const refusal = (code) => (error) => {
  assert.equal(error.code, oauth.RESPONSE_BODY_ERROR, error)
  assert.equal(error.error, code)
  assert.equal(error.status, 400)
  return true
}

for (const c of clients) {
  if (c.grant_types.includes('authorization_code')) await code(c)
  if (c.grant_types.includes('client_credentials')) await clientCredentials(c)
  if (c.grant_types.includes('urn:ietf:params:oauth:grant-type:device_code')) {
    await device(c, 'allow')
    await device(c, 'deny')
  }
}
const find = (id) => clients.find((c) => c.client_id === id)
await endings(find('web'), find('post'), find('notes-api'))
await endings(find('post'), find('web'), find('notes-api'))
await denied(find('web'))
console.log(JSON.stringify({ ok: true }))
process.exit(0)
