import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { encodeAgentMessage } from '@rivulet/agent-protocol';
import * as protocol from '@rivulet/protocol';
import { generatePrivateKey, readSigningPair, signStatement } from '@rivulet/signatures';
import { FakeHub, numberedTexts } from '@rivulet/testing';

const ROOT = resolve(__dirname, '../../..');

function text(value: unknown): Buffer {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

/** For each kind of input of the fuzz tests some that are right. */
export async function makeSeeds(): Promise<Record<string, Buffer[]>> {
  const hub = await FakeHub.create('48:b0:2d:e9:c3:b7');
  hub.datasets = [numberedTexts('names', ['Ada', 'Grace']), numberedTexts('areas', ['Lobby', 'Roof'])];
  const update = await hub.request({ protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] });
  if (update.status !== 'update') throw new Error('There is no update.');
  const frames: Buffer[] = [];
  const manifest = Buffer.from(update.manifest.split('.')[1]!, 'base64url');
  const { manifestId } = JSON.parse(manifest.toString()) as { manifestId: string };
  for await (const batch of hub.frames(manifestId, [{ first: 0, last: 1 }]))
    for (const { header, block } of batch) frames.push(protocol.encodeFrameHeader(header), block);
  const key = await readSigningPair(generatePrivateKey());
  const statement = await signStatement(key, protocol.statementTypes.time, { nonce: 'x', centralId: 'y' });
  const envelope = { agent_name: 'a', status: 'online', timestamp: '2026-11-21T08:00:00.000Z' };
  return {
    frames: [Buffer.concat([...frames, protocol.encodeEndFrame(2)])],
    patches: [Buffer.from('0 1 0 1\n17\ta new row\n4 2 2 2\n90\n95\n93\tx\n94\ty\n')],
    manifests: [manifest],
    answers: [text(update), text({ status: 'current', manifestId, statement })],
    statements: [text(statement), text(update.manifest)],
    content: [
      text({
        nonce: 'x'.repeat(16),
        centralId: 'y',
        deviceId: manifestId,
        macAddress: '48:b0:2d:e9:c3:b7',
        issuedAt: envelope.timestamp,
        manifestId,
        thumbprint: key.thumbprint,
        iss: 'a',
        aud: 'b',
        jti: 'c'.repeat(16),
        iat: 1,
        exp: 2,
        counter: 3,
      }),
    ],
    agents: [
      encodeAgentMessage({ type: 'REGISTER', ...envelope, data: { version: '1', os: 'x', token: 't' } }),
      encodeAgentMessage({
        type: 'DATA',
        id: '1',
        ...envelope,
        data: { run_id: manifestId, rows: [{ a: [1] }] },
      }),
    ].map((line) => Buffer.from(`${line}\n`)),
    clients: [
      text({ type: 'subscribe', topic: 'a.b', epoch: 'e', position: 1, positions: { 'a.b': 2 }, id: '1' }),
      text({ type: 'sync', topic: 'a', data: { a: [1, { b: null }] }, key: 'k' }),
      text({ type: 'auth', token: statement }),
    ],
    datasets: [readFileSync(resolve(ROOT, 'db/datasets.yaml'))],
    topics: [
      Buffer.from(
        'version: 1\ntopics:\n  - { topic: "sites.{site_id}.>", subscribe: any, publish: { role: [a, b] }, history: { size: 10, age: 1h } }\n',
      ),
    ],
    ranges: [Buffer.from('0-99,120-120')],
    ...ofCollections(manifestId),
    ...ofCallers(key.publicJwk.x!),
    configurations: [text(configuration(manifestId))],
    proofs: [
      text({ deviceKey: statement, manifest: update.manifest, report: statement, centralKeys: [statement] }),
    ],
  };
}

function ofCollections(runId: string): Record<string, Buffer[]> {
  const task = {
    runId,
    name: 'orders',
    query: 'SELECT id, at AS "when?" FROM orders WHERE at > ? AND note <> \'?\' -- ?',
    mode: 'append',
    key: ['id'],
    watermark: [{ column: 'at', after: '2026-11-27 08:15:30+00', overlap: 300 }],
  };
  const receipt = {
    runId,
    deviceId: runId,
    name: 'orders',
    checksum: 'a'.repeat(64),
    rows: 1,
    bytes: 2,
    committedAt: '2026-11-21T08:00:00.000Z',
  };
  const job = {
    jobId: runId,
    revision: receipt.checksum,
    cron: '0 * * * *',
    timeZone: 'UTC',
    jitterSeconds: 5,
    name: 'orders',
    query: 'SELECT * FROM orders',
    mode: 'snapshot',
    key: ['id'],
  };
  const rows = [[1, 'a\tb\\', null, true, { a: [1] }, -0, 1.5]];
  const columns = ['id', { name: 'note', type: 'text' }, 'c', 'd', 'e', 'f', 'g'];
  return {
    tasks: [text({ tasks: [task], pollAfterSeconds: 10, now: receipt.committedAt, schedule: 'a.b.c' })],
    edits: [Buffer.from('0 0 1 2\n0 1 1\n1\ta\n3 0 2\n4\tb\n5\tc\n2 1 2 1\n0 2 0\n')],
    demands: [text({ missing: '0-99,120-120', receipt: 'a.b.c' })],
    receipts: [text(receipt)],
    schedules: [text({ deviceId: runId, jobs: [job], leftOut: 1 })],
    keptRuns: [text({ runId })],
    queries: [
      text(task.query),
      text("SELECT $$?$$, E'\\'?', /* ? /* ? */ */ \"?\" FROM x WHERE a = :b AND c::int = ?"),
    ],
    rows: [text({ job: `${runId}.1`, part: 1, last: true, columns, rows })],
  };
}

function ofCallers(publicKey: string): Record<string, Buffer[]> {
  return {
    keys: [
      Buffer.from(
        `mac,key,name\n48:b0:2d:e9:c3:b7,${publicKey},gate 1\r\n\n48-B0-2D-E9-C3-B8,${publicKey},\n`,
      ),
    ],
    credentials: [
      Buffer.from('Bearer rvt_abc'),
      Buffer.from('Basic MDFLQUo6cnZ0X2FiYw=='),
      Buffer.from('bearer  x '),
    ],
    certificates: [
      Buffer.from(
        'Hash=abc;Cert="-----BEGIN%20CERTIFICATE-----%0AMIIB%0A-----END%20CERTIFICATE-----";Subject="CN=a\\"b"',
      ),
      Buffer.from('MIIBszCCAVmgAwIBAgIBEDAKBggqhkjOPQQDAjAS'),
    ],
    urls: [Buffer.from('/ws/sync?token=a.b.c&user_id=u&subscribe=explicit'), Buffer.from('http://a:1/x?y')],
    hints: [text({ epoch: 'e', topic: 'a.b', position: 1, id: 'i', data: '{}', from: 'u', at: 1 })],
    notifications: [Buffer.from('01KAJ9V9RW4C7ZK3DYE7V1NB2R realtime.a {"a":1}')],
  };
}

function configuration(deviceId: string): object {
  const data = { url: 'http://a/', nested: { a: [1, { b: null }] } };
  return {
    name: 'default',
    deviceId,
    version: 1,
    epoch: 1,
    sequence: 2,
    sha256: protocol.configurationDigest(data),
    pollIntervalSeconds: 30,
    issuedAt: '2026-11-21T08:00:00.000Z',
    data,
  };
}
