import fs from 'node:fs/promises';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyProof, type DeviceProof } from '@rivulet/signatures';
import { CentralHttp } from '../../apps/edge/src/hub/central-http';
import type { RotatedKey } from '../../apps/edge/src/hub/call-authentication';
import { KeyAuthentication } from '../../apps/edge/src/hub/key-authentication';
import { DeviceIdentity } from '../../apps/edge/src/identity/device-identity';
import { CentralInProcess } from '../support/apps/central-in-process';

/** The demo's first device. */
const MAC = '48:b0:2d:e9:c3:b7';
const DAY_MS = 86_400_000;

class Killed extends Error {}

/** The edge as one process has it. Its power can be cut before any step that it takes on the disk or at central. */
class Edge {
  readonly rotated: RotatedKey[] = [];
  readonly failed: unknown[] = [];
  private constructor(
    readonly identity: DeviceIdentity,
    readonly authentication: KeyAuthentication,
  ) {}

  static async start(keyMaxAgeMs = 0): Promise<Edge> {
    const identity = await DeviceIdentity.open(directory);
    const http = new CentralHttp(central.url);
    const answer = http.answer.bind(http);
    jest.spyOn(http, 'answer').mockImplementation(async (...call) => {
      power.use();
      const answered = await answer(...call);
      // Central has done it, and nobody learns so.
      power.use();
      return answered;
    });
    const events: Pick<Edge, 'rotated' | 'failed'> = { rotated: [], failed: [] };
    const authentication = new KeyAuthentication({
      identity,
      central: http,
      macAddress: MAC,
      enrolmentToken,
      centralKey: undefined,
      trust: { current: (root) => root, follow: () => Promise.reject(new Error('no other key is trusted')) },
      timeoutMs: 10_000,
      keyMaxAgeMs,
      onEnrolled: () => undefined,
      onRotated: (rotated) => events.rotated.push(rotated),
      onRotationFailed: (error) => events.failed.push(error),
    });
    return Object.assign(new Edge(identity, authentication), events);
  }

  /** Gets an access token. */
  async signIn(): Promise<void> {
    await this.authentication.headers(AbortSignal.timeout(10_000));
  }

  async isServed(): Promise<boolean> {
    const headers = await this.authentication.headers(AbortSignal.timeout(10_000));
    const request = { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] };
    const [status] = await central.call('POST', '/api/device-sync/request', request, headers);
    return status === 200;
  }

  async rotate(): Promise<RotatedKey> {
    return this.authentication.rotateKey(AbortSignal.timeout(10_000));
  }
}

const power = {
  steps: 0,
  until: Infinity,
  use(): void {
    if (++this.steps > this.until) throw new Killed();
  },
  restore(): void {
    Object.assign(this, { steps: 0, until: Infinity });
  },
};

let central: CentralInProcess;
let directory: string;
let enrolmentToken: string | undefined;

beforeAll(async () => {
  central = await CentralInProcess.start();
  for (const step of ['open', 'rename', 'link', 'rm'] as const) {
    const real = fs[step] as (...given: unknown[]) => Promise<unknown>;
    jest.spyOn(fs, step as 'rename').mockImplementation(async (...given) => {
      // A lock that stays is waited for, which is another matter.
      const isLock = String(given[0]).endsWith('.lock');
      if (String(given[0]).startsWith(directory) && !isLock) power.use();
      return real(...given) as Promise<void>;
    });
  }
});
afterAll(() => central.stop());

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rivulet-rotation-'));
  await central.database.pool.query('TRUNCATE rivulet.devices CASCADE');
  power.restore();
  const [, { token }] = await central.call<{ token: string }>('POST', '/api/enrolment-tokens', {
    macAddress: MAC,
  });
  enrolmentToken = token;
  await (await Edge.start()).isServed();
  enrolmentToken = undefined;
});
afterEach(() => rmSync(directory, { recursive: true }));

async function keysAtCentral(status: string): Promise<string[]> {
  const { rows } = await central.database.pool.query<{ thumbprint: string }>(
    'SELECT thumbprint FROM rivulet.device_keys WHERE status = $1 ORDER BY created_at',
    [status],
  );
  return rows.map(({ thumbprint }) => thumbprint);
}

async function passDays(days: number): Promise<void> {
  const file = join(directory, 'enrolment.json');
  const enrolment = JSON.parse(await fs.readFile(file, 'utf8')) as { keySince: string };
  const keySince = new Date(Date.parse(enrolment.keySince) - days * DAY_MS).toISOString();
  await fs.writeFile(file, JSON.stringify({ ...enrolment, keySince }));
}

describe('the key of a device', () => {
  it('is replaced on command, and the old one is valid until the new one was used', async () => {
    const edge = await Edge.start();
    const before = edge.identity.key.thumbprint;
    const { keyThumbprint, replacedThumbprint, deviceId } = await edge.rotate();

    expect(replacedThumbprint).toBe(before);
    expect(edge.identity.key.thumbprint).toBe(keyThumbprint);
    expect(edge.identity.enrolment?.deviceId).toBe(deviceId);
    expect(await keysAtCentral('active')).toEqual([keyThumbprint]);
    expect(await keysAtCentral('retired')).toEqual([before]);
    expect(await edge.isServed()).toBe(true);
    expect(await (await Edge.start()).isServed()).toBe(true);
    expect(statSync(join(directory, 'device-key.pem')).mode & 0o777).toBe(0o600);
  });

  it('is replaced by itself when it is old by the clock of central, and only then', async () => {
    expect(await (await Edge.start(90 * DAY_MS)).isServed()).toBe(true);
    expect(await keysAtCentral('retired')).toEqual([]);
    await passDays(91);
    const edge = await Edge.start(90 * DAY_MS);
    expect(await edge.isServed()).toBe(true);
    expect(edge.rotated).toHaveLength(1);
    expect(await keysAtCentral('active')).toEqual([edge.identity.key.thumbprint]);
    await (await Edge.start(90 * DAY_MS)).isServed();
    expect(await keysAtCentral('retired')).toHaveLength(1);
  });

  it('survives a power cut at every step of a rotation', async () => {
    const edge = await Edge.start();
    await edge.isServed();
    power.restore();
    await edge.rotate();
    const { steps } = power;
    expect(steps).toBeGreaterThan(20);
    for (let until = 0; until < steps; until++) {
      const victim = await Edge.start();
      await victim.signIn();
      Object.assign(power, { steps: 0, until });
      await expect(victim.rotate()).rejects.toThrow(Killed);
      power.restore();
      const revived = await Edge.start();
      await expect(revived.signIn()).resolves.toBeUndefined();
      expect([until, await keysAtCentral('active')]).toEqual([until, [revived.identity.key.thumbprint]]);
      const [device] = (
        await central.database.pool.query<{ status: string }>('SELECT status FROM rivulet.devices')
      ).rows;
      expect([until, device!.status]).toEqual([until, 'active']);
      expect(readdirSync(directory)).not.toContain('device-key.next.pem');
    }
  });

  it('is taken up by a second process of the device that had the old one', async () => {
    const [first, second] = [await Edge.start(), await Edge.start()];
    await second.isServed();
    await first.rotate();
    second.authentication.renew('ACCESS_TOKEN_EXPIRED');
    expect(await second.isServed()).toBe(true);
    expect(second.identity.key.thumbprint).toBe(first.identity.key.thumbprint);
  });

  it('is entered again by the one before, where central was restored from before the rotation', async () => {
    const before = (await Edge.start()).identity.key.thumbprint;
    await central.database.pool.query(
      'CREATE TABLE public.old_keys AS SELECT * FROM rivulet.device_keys WHERE status = $$active$$',
    );
    const { keyThumbprint } = await (await Edge.start()).rotate();
    await central.database.pool.query(`
      DELETE FROM rivulet.device_keys; INSERT INTO rivulet.device_keys SELECT * FROM public.old_keys;
      DROP TABLE public.old_keys`);

    expect(await (await Edge.start()).isServed()).toBe(true);
    expect(await keysAtCentral('active')).toEqual([keyThumbprint]);
    expect(await keysAtCentral('retired')).toEqual([before]);
  });

  it('stays in use where central cannot replace it', async () => {
    await passDays(91);
    await central.database.pool.query(`
      ALTER TABLE rivulet.device_keys ADD CONSTRAINT no_next CHECK (status <> 'next')`);
    const edge = await Edge.start(90 * DAY_MS);
    expect(await edge.isServed()).toBe(true);
    expect(edge.failed).toHaveLength(1);
    await central.database.pool.query('ALTER TABLE rivulet.device_keys DROP CONSTRAINT no_next');
  });

  it('has a proof for what was reported with it, and so has the one before', async () => {
    const [, { devices }] = await central.call<{ devices: { deviceId: string }[] }>('GET', '/api/devices');
    const { deviceId } = devices[0]!;
    const keys: string[] = [];
    for (let round = 0; round < 2; round++) {
      const edge = await Edge.start();
      const headers = await edge.authentication.headers(AbortSignal.timeout(10_000));
      const request = { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] };
      const [, { manifest }] = await central.call<{ manifest: string }>(
        'POST',
        '/api/device-sync/request',
        request,
        headers,
      );
      const { manifestId, tables } = JSON.parse(
        Buffer.from(manifest.split('.')[1]!, 'base64url').toString(),
      ) as { manifestId: string; tables: { name: string; rows: number; checksum: string }[] };
      const report = {
        manifestId,
        status: 'applied' as const,
        cycleId: manifestId,
        finishedAt: new Date().toISOString(),
        durationMs: 1,
        tables: tables.map(({ name, rows, checksum }) => ({ name, rows, checksum })),
      };
      const statement = await edge.authentication.signReport(report);
      await central.call('POST', '/api/device-sync/acknowledgements', { ...report, statement }, headers);
      const [status, proof] = await central.call<DeviceProof & Record<string, unknown>>(
        'GET',
        `/api/devices/${deviceId}/proof?manifestId=${manifestId}`,
      );
      expect(status).toBe(200);
      keys.push((await verifyProof(proof)).deviceKey);
      expect(keys.at(-1)).toBe(edge.identity.key.thumbprint);
      await edge.rotate();
    }
    expect(new Set(keys).size).toBe(2);
  });
});
