// A certified OpenID provider (npm `oidc-provider`) that speaks like one Danish broker, or like the
// one that an organisation has for its staff.
//
//   node provider.mjs < config.json
//
// Config: {dialect, redirectUri, clientId, clientSecret, clientKey (a public JWK), client (more of
// its metadata), neighbour (the metadata of another client, or null), people: [{sub, cpr, name,
// claims}]}. It listens on a free port of this machine and prints its issuer as one line. Its login
// page shows what MitID would show: the level asked for and the text to approve. A test can POST
// to /control what the next login shall be like: {level, ageSeconds, withoutCpr, forNeighbour}.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const config = JSON.parse(await new Promise((resolve) => {
  let text = '';
  process.stdin.on('data', (part) => { text += part; }).on('end', () => resolve(text));
}));
const people = new Map(config.people.map((person) => [person.sub, person]));
const NSIS = 'https://data.gov.dk/concept/core/nsis/';
const capital = (word) => word[0].toUpperCase() + word.slice(1);
const unpacked = (text) => Buffer.from(text, 'base64').toString('utf8');
const after = (start, words) => words.find((word) => word.startsWith(start))?.slice(start.length);

// What each broker calls things, where it puts them, and how it is asked.
const DIALECTS = {
  idura: {
    scopes: ['openid', 'ssn'],
    claims: { openid: ['sub', 'acr', 'auth_time'], ssn: ['cprNumberIdentifier'] },
    allInIdToken: true,
    cpr: 'cprNumberIdentifier',
    acr: (level) => `urn:grn:authn:dk:mitid:${level}`,
    asked: ({ acr_values: acr = '', login_hint: hint = '' }) => ({
      level: after('urn:grn:authn:dk:mitid:', acr.split(' ')),
      text: after('message:', hint.split(' ')),
    }),
    client: { token_endpoint_auth_method: 'private_key_jwt' },
  },
  signaturgruppen: {
    scopes: ['openid', 'mitid', 'ssn'],
    claims: { openid: ['sub', 'loa', 'idp', 'auth_time'], mitid: ['mitid.identity_name'], ssn: ['dk.cpr'] },
    allInIdToken: false,
    cpr: 'dk.cpr',
    loa: (level) => `${NSIS}${capital(level)}`,
    asked: ({ idp_values: idp, idp_params: params = '{}' }) => {
      const { mitid = {} } = JSON.parse(params);
      return idp === 'mitid' ? { level: mitid.loa_value, text: mitid.reference_text } : {};
    },
    client: { token_endpoint_auth_method: 'client_secret_post' },
  },
  signicat: {
    scopes: ['openid', 'nin'],
    claims: { openid: ['sub', 'acr', 'auth_time'], nin: ['nin', 'nin_type', 'nin_issuing_country'] },
    allInIdToken: false,
    cpr: 'nin',
    acr: (level) => level,
    asked: ({ acr_values: acr = '' }, signed) => ({
      level: acr.split(' ').includes('idp:mitid') ? after('loa:', acr.split(' ')) : undefined,
      // The text counts only inside a signed request.
      text: signed ? after('mitid_reference_text:', acr.split(' ')) : undefined,
    }),
    client: { token_endpoint_auth_method: 'client_secret_basic' },
  },
  staff: {
    scopes: ['openid', 'profile'],
    claims: { openid: ['sub', 'acr', 'auth_time', 'roles', 'cvr'], profile: ['name'] },
    allInIdToken: true,
    acr: (level) => level,
    asked: ({ acr_values: acr }) => ({ level: acr }),
    client: {},
  },
};
const dialect = DIALECTS[config.dialect];
let next = {};
const levels = new Map();
const signedNonces = new Set();

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signingKey = { ...privateKey.export({ format: 'jwk' }), kid: 'provider', use: 'sig', alg: 'RS256' };

const server = createServer();
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const issuer = `http://127.0.0.1:${server.address().port}`;

const metadata = { ...dialect.client, ...config.client };
const withSecret = metadata.token_endpoint_auth_method !== 'private_key_jwt';
const codeFlow = { grant_types: ['authorization_code'], response_types: ['code'] };
const provider = new Provider(issuer, {
  clients: [{
    client_id: config.clientId,
    ...(withSecret ? { client_secret: config.clientSecret } : {}),
    redirect_uris: [config.redirectUri],
    jwks: { keys: [config.clientKey] },
    ...codeFlow,
    ...metadata,
  }, ...(config.neighbour ? [{ ...codeFlow, ...config.neighbour }] : [])],
  scopes: dialect.scopes,
  claims: dialect.claims,
  conformIdTokenClaims: !dialect.allInIdToken,
  extraParams: ['idp_values', 'idp_params'],
  jwks: { keys: [signingKey] },
  cookies: { keys: [randomUUID()] },
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    requestObjects: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = logoutPage(form); } },
  },
  // As it is, but for the guard that keeps it from calling the machine it runs on.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  interactions: { url: (ctx, interaction) => `/login/${interaction.uid}` },
  ttl: { AuthorizationCode: 60, AccessToken: 600, IdToken: 600, Interaction: 600, Session: 3600, Grant: 3600 },
  async findAccount(ctx, sub) {
    const person = people.get(sub);
    if (!person) return undefined;
    const { level, withoutCpr } = levels.get(sub);
    const number = withoutCpr || !dialect.cpr ? {} : { [dialect.cpr]: person.cpr };
    const loa = dialect.loa ? { loa: dialect.loa(level), idp: 'mitid' } : {};
    return {
      accountId: sub,
      claims: () => ({
        sub, name: person.name, 'mitid.identity_name': person.name, ...loa, ...number, ...person.claims,
      }),
    };
  },
  // The person agreed with the broker long ago: no page asks which claims may be passed on.
  async loadExistingGrant(ctx) {
    const { session, client } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({ accountId: session.accountId, clientId: client.clientId });
    grant.addOIDCScope(dialect.scopes.join(' '));
    await grant.save();
    return grant;
  },
});

// A provider that mixes its clients up: everything in the ID token is right, but not whom it is for.
provider.use(async (ctx, next) => {
  await next();
  const { id_token: idToken } = ctx.body ?? {};
  if (ctx.oidc?.route !== 'token' || !idToken) return;
  const claims = JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url').toString());
  if (!levels.get(claims.sub).forNeighbour) return;
  const client = await provider.Client.find(config.neighbour.client_id);
  const other = new provider.IdToken({}, { ctx, client });
  for (const name of Object.keys(claims)) if (!['aud', 'iss', 'iat', 'exp'].includes(name)) other.set(name, claims[name]);
  ctx.body.id_token = await other.issue({ use: 'idtoken' });
});

function logoutPage(form) {
  return `<!doctype html><html lang="da"><meta charset="utf-8"><title>Log ud</title>
<link rel="icon" href="data:,"><h1>Log ud her også?</h1>${form}
<button type="submit" form="op.logoutForm" value="yes" name="logout">Ja, log ud</button>`;
}

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function page(uid, { level, text }) {
  const buttons = [...people].map(([sub, { name }]) => `<button name="sub" value="${sub}">${escaped(name)}</button>`);
  const shown = text ? `<p>Du godkender: <output>${escaped(unpacked(text))}</output></p>` : '';
  return `<!doctype html><html lang="da"><meta charset="utf-8"><title>MitID</title>
<link rel="icon" href="data:,"><h1>MitID</h1>
<p>Niveau: <b>${escaped(level ?? 'intet')}</b></p>${shown}
<form method="post" action="/login/${uid}">${buttons.join('')}<button name="cancel" value="1">Afbryd</button></form>`;
}

// Which logins came as a signed request: the provider itself verifies it, or nothing follows.
function noteSigned(requestObject) {
  const payload = requestObject?.split('.')[1];
  if (payload) signedNonces.add(JSON.parse(Buffer.from(payload, 'base64url').toString()).nonce);
}

async function form(request) {
  let text = '';
  for await (const part of request) text += part;
  return text;
}

async function login(request, response) {
  const { uid, params } = await provider.interactionDetails(request, response);
  const asked = dialect.asked(params, signedNonces.has(params.nonce));
  if (request.method === 'GET') {
    response.setHeader('Content-Type', 'text/html');
    response.end(page(uid, asked));
    return;
  }
  const sent = new URLSearchParams(await form(request));
  const { level = asked.level ?? 'low', ageSeconds = 0, withoutCpr = false, forNeighbour = false } = next;
  next = {};
  let result = { error: 'access_denied' };
  if (!sent.has('cancel')) {
    levels.set(sent.get('sub'), { level, withoutCpr, forNeighbour });
    result = {
      login: {
        accountId: sent.get('sub'),
        ts: Math.floor(Date.now() / 1000) - ageSeconds,
        ...(dialect.acr ? { acr: dialect.acr(level) } : {}),
      },
    };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

server.on('request', async (request, response) => {
  try {
    if (request.url.startsWith('/login/')) await login(request, response);
    else if (request.url === '/control') {
      next = JSON.parse(await form(request));
      response.end('{}');
    } else {
      noteSigned(new URL(request.url, issuer).searchParams.get('request'));
      await provider.callback()(request, response);
    }
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    response.statusCode = 500;
    response.end('error');
  }
});
provider.on('server_error', (ctx, error) => process.stderr.write(`${error.stack}\n`));
provider.on('grant.error', (ctx, error) => process.stderr.write(`${error.message} ${error.error_description ?? ''} ${error.error_detail ?? ''}\n`));
provider.on('authorization.error', (ctx, error) => process.stderr.write(`${error.message} ${error.error_description ?? ''}\n`));
process.stdout.write(`${issuer}\n`);
