import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type CryptoKey,
  type JWK,
} from 'jose';
import { RealtimeEnv } from '../realtime.env';
import { ApplicationTokens } from './application-tokens';
import { MAX_KEYS_BYTES } from './fetch-keys';

interface Signer {
  kid: string;
  alg: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  jwk: JWK;
}

async function signer(kid: string, alg: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig' } };
}

function sign({ kid, alg, privateKey }: Signer, claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ sub: 'user1', iss: 'shop', aud: 'rivulet', ...claims })
    .setProtectedHeader({ alg, kid })
    .setExpirationTime('1h')
    .sign(privateKey);
}

/** The application's server of keys. */
class KeyServer {
  keys: JWK[] = [];
  requests = 0;
  answer: ((response: ServerResponse) => void) | undefined;
  private readonly server = createServer((_, response) => {
    this.requests++;
    if (this.answer === undefined) response.end(JSON.stringify({ keys: this.keys }));
    else this.answer(response);
  });

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

let server: KeyServer;
let url: string;
let es: Signer;
let eddsa: Signer;
let rsa: Signer;

beforeAll(async () => {
  [es, eddsa, rsa] = await Promise.all([
    signer('es', 'ES256'),
    signer('ed', 'EdDSA'),
    signer('rsa', 'RS256'),
  ]);
});
beforeEach(async () => {
  server = new KeyServer();
  server.keys = [es.jwk, eddsa.jwk, rsa.jwk];
  url = await server.start();
});
afterEach(async () => {
  jest.restoreAllMocks();
  await server.stop();
});

function load(variables: Partial<RealtimeEnv>): Promise<ApplicationTokens> {
  return ApplicationTokens.load(
    Object.assign(new RealtimeEnv(), { issuer: 'shop', audience: 'rivulet' }, variables),
  );
}

function later(ms: number): void {
  const now = Date.now();
  jest.spyOn(Date, 'now').mockReturnValue(now + ms);
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const refused = { code: 'REALTIME_TOKEN_INVALID' };

describe('tokens of an application whose keys are at a URL', () => {
  it('are believed with any of its keys, which are fetched once', async () => {
    const tokens = await load({ jwksUrl: url });
    for (const one of [es, eddsa, rsa]) {
      const identity = await tokens.verify(await sign(one, { role: 'nurse', kind: 'operator' }));
      expect(identity).toMatchObject({ userId: 'user1', claims: { role: 'nurse', kind: 'user' } });
    }
    expect(server.requests).toBe(1);
  });

  it('are believed with a key that is new, and no longer with one that was taken away', async () => {
    const tokens = await load({ jwksUrl: url });
    await tokens.verify(await sign(es));
    const next = await signer('next', 'ES256');
    server.keys = [next.jwk];
    await expect(tokens.verify(await sign(next))).rejects.toMatchObject(refused);
    later(31_000);
    expect(await tokens.verify(await sign(next))).toMatchObject({ userId: 'user1' });
    await expect(tokens.verify(await sign(es))).rejects.toMatchObject(refused);
    expect(server.requests).toBe(2);
  });

  it('are no longer believed after five minutes where the key was taken away, though nobody brought a new one', async () => {
    const tokens = await load({ jwksUrl: url });
    await tokens.verify(await sign(es));
    server.keys = [rsa.jwk];
    later(5 * 60_000 + 1_000);
    await expect(tokens.verify(await sign(es))).rejects.toMatchObject(refused);
  });

  it('with keys that nobody knows do not have them fetched each time', async () => {
    const tokens = await load({ jwksUrl: url });
    const forged = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => sign({ ...es, kid: `unknown${index}` })),
    );
    for (const token of forged) await expect(tokens.verify(token)).rejects.toMatchObject(refused);
    expect(server.requests).toBe(1);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['away', (response) => void response.destroy()],
    ['broken', (response) => void response.end('<html>')],
    ['failing', (response) => void response.writeHead(500).end()],
    ['redirecting', (response) => void response.writeHead(302, { location: '/keys' }).end()],
    [
      'too talkative',
      (response) => void response.end(JSON.stringify({ keys: [], x: 'x'.repeat(MAX_KEYS_BYTES) })),
    ],
  ])('wait while their server is %s, and are believed when it is well again', async (_, answer) => {
    const tokens = await load({ jwksUrl: url });
    server.answer = answer;
    await expect(tokens.verify(await sign(es))).rejects.toMatchObject({ code: 'SERVER_BUSY' });
    server.answer = undefined;
    expect(await tokens.verify(await sign(es))).toMatchObject({ userId: 'user1' });
  });
});

describe('a token that is not what it says', () => {
  it('is refused, whichever algorithm its header names', async () => {
    const tokens = await load({ jwksUrl: url });
    const body = part({
      sub: 'user1',
      iss: 'shop',
      aud: 'rivulet',
      exp: Math.floor(Date.now() / 1_000) + 60,
    });
    const confused = [await exportSPKI(rsa.publicKey), JSON.stringify(rsa.jwk), ''].map((secret) => {
      const signed = `${part({ alg: 'HS256', kid: 'rsa' })}.${body}`;
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
    });
    const embedded = await new SignJWT({ sub: 'user1', iss: 'shop', aud: 'rivulet' })
      .setProtectedHeader({ alg: 'ES256', jwk: (await signer('own', 'ES256')).jwk })
      .setExpirationTime('1h')
      .sign((await signer('own', 'ES256')).privateKey);
    const forged = [
      ...confused,
      embedded,
      new UnsecuredJWT({ sub: 'user1', iss: 'shop', aud: 'rivulet' }).setExpirationTime('1h').encode(),
      await sign({ ...es, kid: 'rsa' }),
      await sign(es, { iss: 'other' }),
      await sign(es, { aud: ['other'] }),
      await sign(es, { sub: 'device:1' }),
      await sign(es, { sub: '' }),
    ];
    for (const token of forged) await expect(tokens.verify(token)).rejects.toMatchObject(refused);
  });

  it('is refused with an algorithm that the settings do not name, and with a key of the set that is a secret', async () => {
    server.keys.push({ kty: 'oct', kid: 'secret', k: Buffer.from('x'.repeat(32)).toString('base64url') });
    const tokens = await load({ jwksUrl: url, algorithms: ['EdDSA'] });
    const secret = await new SignJWT({ sub: 'user1', iss: 'shop', aud: 'rivulet' })
      .setProtectedHeader({ alg: 'HS256', kid: 'secret' })
      .setExpirationTime('1h')
      .sign(Buffer.from('x'.repeat(32)));
    for (const token of [await sign(es), await sign(rsa), secret])
      await expect(tokens.verify(token)).rejects.toMatchObject(refused);
    expect(await tokens.verify(await sign(eddsa))).toMatchObject({ userId: 'user1' });
  });
});

describe('tokens of an application whose keys are in a file', () => {
  it('are believed with those that were read last, which a broken file does not replace', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rivulet-keys-'));
    const jwksFile = join(folder, 'keys.json');
    const write = (...keys: JWK[]): void => writeFileSync(jwksFile, JSON.stringify({ keys }));
    write(es.jwk);
    const tokens = await load({ jwksFile });
    expect(await tokens.verify(await sign(es))).toMatchObject({ userId: 'user1' });
    write(eddsa.jwk);
    await tokens.reload();
    await expect(tokens.verify(await sign(es))).rejects.toMatchObject(refused);
    expect(await tokens.verify(await sign(eddsa))).toMatchObject({ userId: 'user1' });
    writeFileSync(jwksFile, '{"keys": 7}');
    await expect(tokens.reload()).rejects.toMatchObject({ code: 'REALTIME_FILE_INVALID' });
    expect(await tokens.verify(await sign(eddsa))).toMatchObject({ userId: 'user1' });
    rmSync(folder, { recursive: true });
    await expect(load({ jwksFile })).rejects.toMatchObject({ code: 'REALTIME_FILE_INVALID' });
    await expect(load({ jwksFile, jwksUrl: url })).rejects.toMatchObject({ code: 'ENVIRONMENT_INVALID' });
  });
});
