// npm oidc-provider on loopback with its development login, for the checks on authorization servers.
// Usage: node oidc_provider.mjs FOLDER   (the folder has node_modules/oidc-provider)
// Standard input: {"clients": [...], "scopes": [...]}; prints the issuer's address when it is ready.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.argv[2];
const { Provider } = await import(pathToFileURL(join(folder, 'node_modules/oidc-provider/lib/index.js')));
const given = JSON.parse(readFileSync(0, 'utf8'));
const signing = (kind, options, rest) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), ...rest });

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: given.clients,
    scopes: given.scopes,
    jwks: {
      keys: [
        signing('rsa', { modulusLength: 2048 }, { kid: 'rsa', use: 'sig', alg: 'RS256' }),
        signing('ec', { namedCurve: 'P-256' }, { kid: 'ec', use: 'sig', alg: 'ES256' }),
      ],
    },
    cookies: { keys: [generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }).d] },
    features: { introspection: { enabled: true }, revocation: { enabled: true } },
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    async findAccount(_context, sub) {
      return { accountId: sub, claims: async () => ({ sub, name: sub, email: `${sub}@users.example` }) };
    },
  });
  server.on('request', provider.callback());
  process.stdout.write(`${issuer}\n`);
});
