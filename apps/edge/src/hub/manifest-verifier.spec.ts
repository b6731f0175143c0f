import { createHmac } from 'node:crypto';
import type { Manifest, SyncRequest } from '@rivulet/protocol';
import { FakeHub, numberedTexts } from '@rivulet/testing';
import { CompactSign, exportJWK, generateKeyPair, type JWTHeaderParameters } from 'jose';
import { verifyManifest, type ManifestExpectation } from './manifest-verifier';

const macAddress = '48:b0:2d:e9:c3:b7';
const nonce = 'q83vEjRWeJCrze8SNFZ4kA';
const request: SyncRequest = { protocolVersion: 1, nonce, tables: [] };

let central: FakeHub;
let document: string;
let expected: ManifestExpectation;

beforeEach(async () => {
  central = await FakeHub.create(macAddress);
  central.datasets = [numberedTexts('names', ['Ada', 'Grace'])];
  document = await manifestOf(central, request);
  expected = { macAddress, nonce, trustedKey: central.thumbprint };
});

async function manifestOf(hub: FakeHub, asked: SyncRequest): Promise<string> {
  const answer = await hub.request(asked);
  return answer.status === 'update' ? answer.manifest : '';
}

function payloadOf(jws: string): Manifest {
  return JSON.parse(Buffer.from(jws.split('.')[1]!, 'base64url').toString()) as Manifest;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

describe('a manifest', () => {
  it('that the trusted key signed, for this device and request, is opened', async () => {
    await expect(verifyManifest(document, expected)).resolves.toEqual({
      manifest: payloadOf(document),
      signedBy: central.thumbprint,
    });
  });

  it('of any key is taken by an edge that knows none, which learns the key from it', async () => {
    const { signedBy } = await verifyManifest(document, { ...expected, trustedKey: undefined });

    expect(signedBy).toBe(central.thumbprint);
  });

  it('of another key is refused, and both keys are named', async () => {
    const impostor = await FakeHub.create(macAddress);
    const forged = await manifestOf(impostor, request);

    await expect(verifyManifest(forged, expected)).rejects.toMatchObject({
      code: 'CENTRAL_KEY_UNKNOWN',
      message: expect.stringContaining(impostor.thumbprint) as string,
    });
  });

  it('of another key that shows the trusted one is refused', async () => {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
    const [header, payload] = document.split('.').map((part) => Buffer.from(part, 'base64url'));
    const forged = await new CompactSign(payload!)
      .setProtectedHeader(JSON.parse(header!.toString()) as JWTHeaderParameters)
      .sign(privateKey);

    await expect(verifyManifest(forged, expected)).rejects.toMatchObject({
      code: 'MANIFEST_SIGNATURE_INVALID',
    });
  });

  it('that was changed after it was signed is refused', async () => {
    const [header, , signature] = document.split('.');
    const changed = encode({ ...payloadOf(document), sequence: 1_000_000 });

    await expect(verifyManifest(`${header}.${changed}.${signature}`, expected)).rejects.toMatchObject({
      code: 'MANIFEST_SIGNATURE_INVALID',
    });
  });

  it('of algorithm none is refused', async () => {
    const payload = encode(payloadOf(document));
    for (const header of [{ alg: 'none' }, { ...headerOf(document), alg: 'none' }]) {
      const unsigned = `${encode(header)}.${payload}.`;
      await expect(verifyManifest(unsigned, expected)).rejects.toMatchObject({
        code: 'SIGNATURE_ALGORITHM_REFUSED',
      });
    }
  });

  it('of HS256 with the public key for a secret is refused', async () => {
    const { jwk } = headerOf(document);
    const secrets = [Buffer.from(jwk!.x as string, 'base64url'), Buffer.from(JSON.stringify(jwk))];
    for (const secret of secrets) {
      const signed = `${encode({ ...headerOf(document), alg: 'HS256' })}.${encode(payloadOf(document))}`;
      const forged = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      await expect(verifyManifest(forged, expected)).rejects.toMatchObject({
        code: 'SIGNATURE_ALGORITHM_REFUSED',
      });
    }
  });

  it('of another algorithm, properly signed, is refused', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const signed = await new CompactSign(Buffer.from(JSON.stringify(payloadOf(document))))
      .setProtectedHeader({ ...headerOf(document), alg: 'ES256', jwk: await exportJWK(publicKey) })
      .sign(privateKey);

    await expect(verifyManifest(signed, { ...expected, trustedKey: undefined })).rejects.toMatchObject({
      code: 'SIGNATURE_ALGORITHM_REFUSED',
    });
  });

  it('is not anything else that the trusted key signed', async () => {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
    const signed = await new CompactSign(Buffer.from(JSON.stringify(payloadOf(document))))
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', jwk: await exportJWK(publicKey) })
      .sign(privateKey);

    await expect(verifyManifest(signed, { ...expected, trustedKey: undefined })).rejects.toMatchObject({
      code: 'MANIFEST_SIGNATURE_INVALID',
    });
  });

  it.each([
    ['no key', undefined],
    ['a key that is too short', { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' }],
    ['a key on no curve', { kty: 'OKP', crv: 'Ed00', x: 'AAAA' }],
    ['a key of no kind', { kty: 'none' }],
    ['a secret', { kty: 'oct', k: 'AAAA' }],
    ['a text for a key', 'AAAA'],
  ])('with %s in its header is refused', async (_, jwk) => {
    const [, payload, signature] = document.split('.');
    const forged = `${encode({ ...headerOf(document), jwk })}.${payload}.${signature}`;

    await expect(verifyManifest(forged, { ...expected, trustedKey: undefined })).rejects.toMatchObject({
      code: 'MANIFEST_SIGNATURE_INVALID',
    });
  });

  it.each(['', 'a', 'a.b.c', '..', 'not even close to a JWS', '{"payload":"x"}'])(
    'is not %p',
    async (text) => {
      await expect(verifyManifest(text, expected)).rejects.toMatchObject({
        code: 'MANIFEST_SIGNATURE_INVALID',
      });
    },
  );

  it('for another device is refused', async () => {
    const other = { ...payloadOf(document), macAddress: '48:b0:2d:00:00:01' };

    await expect(verifyManifest(await central.sign(other), expected)).rejects.toMatchObject({
      code: 'ANSWER_FOREIGN',
      message: expect.stringContaining('48:b0:2d:00:00:01') as string,
    });
  });

  it('that answers an earlier request is refused', async () => {
    const earlier = await manifestOf(central, { ...request, nonce: 'AAAAAAAAAAAAAAAAAAAAAA' });

    await expect(verifyManifest(earlier, expected)).rejects.toMatchObject({
      code: 'ANSWER_REPLAYED',
      message: expect.stringContaining('nonce') as string,
    });
  });

  it('that is signed and malformed is refused, and the field is named', async () => {
    const malformed = { ...payloadOf(document), epoch: -1 };

    await expect(verifyManifest(await central.sign(malformed), expected)).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringContaining('epoch') as string,
    });
  });

  it('of a newer protocol is refused with the version that it needs', async () => {
    const newer = { ...payloadOf(document), protocolVersion: 2 };

    await expect(verifyManifest(await central.sign(newer), expected)).rejects.toMatchObject({
      code: 'SCHEMA_UNSUPPORTED',
      message: expect.stringContaining('version 2') as string,
    });
  });
});

function headerOf(jws: string): JWTHeaderParameters {
  return JSON.parse(Buffer.from(jws.split('.')[0]!, 'base64url').toString()) as JWTHeaderParameters;
}
