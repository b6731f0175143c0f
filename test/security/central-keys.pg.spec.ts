import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePrivateKey, readSigningPair, signStatement, verifyProof } from '@rivulet/signatures';
import type { DeviceProof, SigningPair } from '@rivulet/signatures';
import { statementTypes, type CentralKeyStatement } from '@rivulet/protocol';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { SigningKeys } from '../../apps/central/src/signing/signing-keys';
import { CentralHttp } from '../../apps/edge/src/hub/central-http';
import { CentralTrust } from '../../apps/edge/src/hub/central-trust';
import { CentralInProcess } from '../support/apps/central-in-process';
import { startEdgeInProcess } from '../support/apps/edge-in-process';
import type { RunningApp } from '../support/apps/running-app';
import { withAlgorithm } from '../support/attacks/malicious-hub';

const MAC = '48:b0:2d:e9:c3:b7';

let central: CentralInProcess;
let second: CentralInProcess;
let edgeDatabase: TestDatabase;
let directory: string;

beforeAll(async () => {
  central = await CentralInProcess.start();
  second = await CentralInProcess.join(central);
  edgeDatabase = await createTestDatabase();
});
afterAll(async () => {
  await second.stop();
  await central.stop();
  await edgeDatabase.drop();
});
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'rivulet-trust-'))));
afterEach(() => rmSync(directory, { recursive: true }));

interface Rotated {
  before: string;
  thumbprint: string;
  epoch: number;
}

async function rotate(): Promise<Rotated> {
  const [status, rotated] = await central.call<Rotated & Record<string, unknown>>(
    'POST',
    '/api/operators/signing-keys/rotate',
  );
  expect(status).toBe(200);
  return rotated;
}

async function openTrust(http: Pick<CentralHttp, 'json'> = new CentralHttp(central.url)) {
  return CentralTrust.open({
    file: join(directory, 'identity', 'central-keys.json'),
    central: http,
    timeoutMs: 10_000,
    onFollowed: () => undefined,
  });
}

const signal = new AbortController().signal;

describe('an edge that trusts a key of central', () => {
  it('follows it through several rotations at once, and keeps what it found', async () => {
    const { before } = await rotate();
    const { thumbprint: middle } = await rotate();
    const { thumbprint: last } = await rotate();
    await (await openTrust()).follow(before, last, signal);

    const unreachable = { json: () => Promise.reject(new Error('not asked')) };
    const trust = await openTrust(unreachable);
    expect(trust.current(before)).toBe(last);
    expect(trust.current(middle)).toBe(last);
    expect(trust.current('another')).toBe('another');
    await expect(trust.follow(before, last, signal)).resolves.toBeUndefined();
    for (const former of [before, middle]) {
      await expect(trust.follow(last, former, signal)).rejects.toMatchObject({ code: 'CENTRAL_KEY_RETIRED' });
    }
  });

  it('does not follow it to a key that central does not have', async () => {
    const { before } = await rotate();
    const unknown = { code: 'CENTRAL_KEY_UNKNOWN' };
    await expect((await openTrust()).follow(before, 'x'.repeat(43), signal)).rejects.toMatchObject(unknown);
    await expect((await openTrust()).follow('y'.repeat(43), 'x'.repeat(43), signal)).rejects.toMatchObject(
      unknown,
    );
  });
});

async function link(
  from: SigningPair,
  to: SigningPair,
  changes: Partial<CentralKeyStatement> = {},
  signers: { named?: SigningPair; accepted?: SigningPair } = {},
): Promise<string> {
  const said = { centralId: 'this', number: 2, replaces: from.thumbprint, ...changes };
  const accepted = await signStatement(signers.accepted ?? to, statementTypes.centralKeyAccepted, said);
  const issuedAt = '2026-11-27T08:00:00.000Z';
  const content = { thumbprint: to.thumbprint, accepted, issuedAt, ...said, ...changes };
  return signStatement(signers.named ?? from, statementTypes.centralKey, content);
}

describe('a chain of keys', () => {
  let keys: SigningPair[];
  beforeEach(async () => {
    keys = await Promise.all([1, 2, 3, 4].map(() => readSigningPair(generatePrivateKey())));
  });

  async function codeOf(statements: unknown): Promise<string> {
    const trust = await openTrust({
      json: async ({ path }) => ({ statements: path.endsWith(keys[0]!.thumbprint) ? statements : [] }),
    });
    return trust.follow(keys[0]!.thumbprint, keys[2]!.thumbprint, signal, 'this').then(
      () => 'followed',
      (error: { code: string }) => error.code,
    );
  }

  it('that leads there is followed', async () => {
    const [a, b, c] = keys as [SigningPair, SigningPair, SigningPair];
    expect(await codeOf([await link(a, b), await link(b, c, { number: 3 })])).toBe('followed');
  });

  it('that is broken is refused by a code of its own, wherever it is broken', async () => {
    const [a, b, c, impostor] = keys as [SigningPair, SigningPair, SigningPair, SigningPair];
    const good = await link(a, b);
    const broken: Record<string, unknown> = {
      'a key named by nobody who is trusted': [await link(a, c, {}, { named: impostor })],
      'a key named by another than the one it replaces': [
        good,
        await link(b, c, { number: 3 }, { named: a }),
      ],
      'a key that has not agreed': [good, await link(b, c, { number: 3 }, { accepted: impostor })],
      'a link left out': [await link(b, c, { number: 3 })],
      'links in the wrong order': [await link(b, c, { number: 3 }), good],
      'a number left out': [good, await link(b, c, { number: 4 })],
      'the keys of another central': [await link(a, c, { centralId: 'another' })],
      'links of two centrals': [good, await link(b, c, { number: 3, centralId: 'another' })],
      'algorithm none': [withAlgorithm(await link(a, c), 'none')],
      'the public key as a secret': [withAlgorithm(await link(a, c), 'HS256')],
      'a statement of another kind': [await signStatement(a, statementTypes.current, {})],
      'no statements': 'statements',
    };
    const codes: Record<string, string> = {};
    for (const [name, statements] of Object.entries(broken)) codes[name] = await codeOf(statements);
    expect(codes).toEqual(
      Object.fromEntries(Object.keys(broken).map((name) => [name, 'CENTRAL_KEY_CHAIN_BROKEN'])),
    );
    const dead = [good, await link(b, impostor, { number: 3 })];
    expect(await codeOf(dead)).toBe('CENTRAL_KEY_UNKNOWN');
  });
});

describe('a whole edge', () => {
  let edge: RunningApp;

  async function startEdge(variables: Record<string, string> = {}): Promise<void> {
    edge = await startEdgeInProcess(
      {
        EDGE_DATABASE_URL: edgeDatabase.url,
        EDGE_CENTRAL_URL: central.url,
        EDGE_MAC_ADDRESS: MAC,
        EDGE_DEVICE_AUTH: 'key',
        EDGE_IDENTITY_DIRECTORY: join(directory, 'identity'),
        EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
        EDGE_SYNC_SCHEDULE: '1h',
        EDGE_FIRST_SYNC_DELAY: '1h',
        ...variables,
      },
      { retries: 1, minDelayMs: 10, maxDelayMs: 20 },
    );
  }

  async function sync(): Promise<{ status: string; error?: { code: string } }> {
    const response = await fetch(`${edge.url}/api/sync/now`, { method: 'POST' });
    return (await response.json()) as { status: string; error?: { code: string } };
  }

  it('goes on through rotations of central, at two processes, and its proof spans the keys', async () => {
    const [, { token }] = await central.call<{ token: string }>('POST', '/api/enrolment-tokens', {
      macAddress: MAC,
    });
    // What the rotations of other tests have left behind is not of this one.
    await second.get(SigningKeys).pollInBackground();
    await startEdge({ EDGE_ENROLMENT_TOKEN: token });
    try {
      expect(await sync()).toMatchObject({ status: 'applied' });
      const first = await rotate();
      expect(await sync()).toMatchObject({ status: 'current' });
      const { thumbprint, epoch } = await rotate();
      expect(epoch).toBe(first.epoch + 1);
      await edge.stop();
      await central.database.pool.query(`UPDATE public.users SET full_name = full_name || '.'`);

      // The other process of central has not been told; it learns the key from the token, or by itself.
      await startEdge({ EDGE_CENTRAL_URL: second.url });
      let result = await sync();
      if (result.error?.code === 'CENTRAL_KEY_RETIRED') {
        await second.get(SigningKeys).pollInBackground();
        result = await sync();
      }
      expect(result.error).toBeUndefined();
      expect(result).toMatchObject({ status: 'applied' });
      // It may not have learned it before the sync was over.
      await second.get(SigningKeys).pollInBackground();
      expect(await sync()).toMatchObject({ status: 'current' });

      const status = (await (await fetch(`${edge.url}/api/sync/status`)).json()) as {
        identity: { centralKey: string; deviceId: string };
      };
      expect(status.identity.centralKey).toBe(thumbprint);
      const [, proof] = await central.call<DeviceProof & Record<string, unknown>>(
        'GET',
        `/api/devices/${status.identity.deviceId}/proof`,
      );
      const proved = await verifyProof(proof);
      expect(proved.centralKeys).toEqual(expect.arrayContaining([first.before, thumbprint]));
      await expect(verifyProof({ ...proof, centralKeys: [] })).rejects.toThrow('two keys of central');
    } finally {
      await edge.stop();
    }
  });
});

it('the epoch rises with the key, and when central is told of a restore', async () => {
  const epochOf = async (): Promise<number> => {
    const { rows } = await central.database.pool.query<{ epoch: number }>(
      'SELECT epoch FROM rivulet.central_state',
    );
    return rows[0]!.epoch;
  };
  const before = await epochOf();
  const { epoch } = await rotate();
  expect(epoch).toBe(before + 1);
  expect(await central.call('POST', '/api/operators/restore', {})).toEqual([
    200,
    { before: epoch, epoch: epoch + 1, released: 0 },
  ]);
  expect(await epochOf()).toBe(epoch + 1);
});
