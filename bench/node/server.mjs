// The peer of the benchmark that runs on Node: express-oauth-server with a model in memory. What it answers on its
// input is described in ../internal/server/serve.go.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import express from 'express';
import OAuthServer from '@node-oauth/express-oauth-server';

const { ID, SECRET, REDIRECT_URI, USER_ID, CODE_LIFETIME, ACCESS_LIFETIME, REFRESH_LIFETIME } = process.env;
const digest = (s) => createHash('sha256').update(s).digest();
const secret = digest(SECRET);
const client = { id: ID, redirectUris: [REDIRECT_URI], grants: ['authorization_code', 'refresh_token', 'client_credentials'] };

const codes = new Map();
const access = new Map();
const refresh = new Map();
const take = (map, key) => map.delete(key);

const model = {
  getClient: async (id, given) => (id === ID && (given === null || timingSafeEqual(secret, digest(given))) ? client : false),
  getUserFromClient: async () => ({ id: ID }),
  validateScope: async (user, client, scope) => (scope?.length === 1 && scope[0] === 'read' ? scope : false),
  verifyScope: async (token, scope) => scope.every((s) => token.scope.includes(s)),
  saveAuthorizationCode: async (code, client, user) => {
    const record = { ...code, client, user };
    codes.set(code.authorizationCode, record);
    return record;
  },
  getAuthorizationCode: async (code) => codes.get(code),
  revokeAuthorizationCode: async (code) => take(codes, code.authorizationCode),
  saveToken: async (token, client, user) => {
    const record = { ...token, client, user };
    access.set(token.accessToken, record);
    if (token.refreshToken) refresh.set(token.refreshToken, record);
    return record;
  },
  getAccessToken: async (token) => access.get(token),
  getRefreshToken: async (token) => refresh.get(token),
  revokeToken: async (token) => {
    access.delete(token.accessToken);
    return take(refresh, token.refreshToken);
  },
};

const oauth = new OAuthServer({
  model,
  authorizationCodeLifetime: Number(CODE_LIFETIME),
  accessTokenLifetime: Number(ACCESS_LIFETIME),
  refreshTokenLifetime: Number(REFRESH_LIFETIME),
});
const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.post('/oauth/token', express.urlencoded({ extended: false }), oauth.token());
app.get('/oauth/authorize', oauth.authorize({ authenticateHandler: { handle: () => ({ id: USER_ID }) } }));
app.get('/api/ok', oauth.authenticate({ scope: ['read'] }), (req, res) => res.type('text').send('ok'));

const issue = async (n, file) => {
  const tokens = [];
  const user = { id: ID };
  for (let i = 0; i < n; i++) {
    const accessToken = randomBytes(32).toString('hex');
    await model.saveToken({ accessToken, accessTokenExpiresAt: new Date(Date.now() + ACCESS_LIFETIME * 1000), scope: ['read'] }, client, user);
    tokens.push(accessToken);
  }
  writeFileSync(file, tokens.join('\n'));
  return {};
};

const heap = () => {
  gc();
  const start = process.hrtime.bigint();
  gc();
  return { gc: Number(process.hrtime.bigint() - start), heap: process.memoryUsage().heapUsed };
};

const maxRSS = () => {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
};

const usage = () => {
  const { user, system } = process.cpuUsage();
  return { cpu: (user + system) * 1000, max_rss: maxRSS() };
};

const run = async (line) => {
  const command = JSON.parse(line);
  switch (command.do) {
    case 'usage': return usage();
    case 'issue': return issue(command.n, command.file);
    case 'heap': return heap();
    default: return { error: `unknown command ${command.do}` };
  }
};

const server = app.listen(0, '127.0.0.1', async () => {
  console.log(`127.0.0.1:${server.address().port}`);
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await run(line).catch((e) => ({ error: String(e) }));
    console.log(JSON.stringify(reply));
  }
  process.exit(0);
});
