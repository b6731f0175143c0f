import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { encodeAgentMessage, LineDecoder, parseAgentMessage } from '@rivulet/agent-protocol';
import { FileProblems, parseDatasetsFile } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import * as protocol from '@rivulet/protocol';
import {
  generatePrivateKey,
  openKeyChain,
  openStatement,
  readSigningPair,
  signStatement,
} from '@rivulet/signatures';
import { FakeHub, numberedTexts } from '@rivulet/testing';
import { parseClientMessage } from '../../apps/central/src/realtime/protocol/client-message';
import { parseRealtimeFile } from '../../apps/central/src/realtime/rules/realtime-file';
import { fuzzedTexts } from '../support/fuzz-length';
import { historySeed } from '../support/history-length';
import { damaged, oddBytes, seededRandom, type Random } from '../support/odd-inputs';

jest.setTimeout(60_000 + fuzzedTexts * 50);

/** What a parser says when it refuses an input; everything else is a mistake of ours. */
const REFUSALS = new Set(['RivuletError', 'ShapeError', 'StatementError', 'KeyChainError', 'FileProblem']);
const ROOT = resolve(__dirname, '../..');

type Parse = (input: Buffer, random: Random) => unknown;

let seeds: Record<string, Buffer[]>;

function text(value: unknown): Buffer {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

async function makeSeeds(): Promise<Record<string, Buffer[]>> {
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
  };
}

beforeAll(async () => {
  seeds = await makeSeeds();
});

const parsers: [name: string, seed: string, Parse][] = [
  [
    'frames',
    'frames',
    (bytes, random) => {
      const decoder = new protocol.FrameDecoder(65_536);
      const cut = Math.floor(random() * bytes.length);
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)])
        for (const frame of decoder.push(piece)) if (frame.header.kind !== 'end') protocol.decodeFrame(frame);
    },
  ],
  ['patches', 'patches', (bytes) => protocol.parsePatch(bytes, 10)],
  ['manifests', 'manifests', (bytes) => protocol.parseManifest(bytes.toString())],
  ['answers to a request', 'answers', (bytes) => protocol.parseSyncResponse(parseJson(bytes))],
  [
    'plans',
    'answers',
    (bytes) => {
      const { plan } = (parseJson(bytes) ?? {}) as { plan?: unknown };
      const manifest = protocol.parseManifest(seeds['manifests']![0]!.toString());
      return protocol.parseSyncPlan(plan, manifest, { tables: [] });
    },
  ],
  ['statements', 'statements', (bytes) => openStatement(bytes.toString(), protocol.statementTypes.time)],
  ['chains of keys', 'statements', (bytes) => openKeyChain([bytes.toString(), bytes.toString()])],
  [
    'lines of agents',
    'agents',
    (bytes) => {
      const decoder = new LineDecoder();
      for (const line of decoder.push(bytes)) parseAgentMessage(line, 'agent');
    },
  ],
  ['messages of agents', 'agents', (bytes) => parseAgentMessage(bytes.toString(), 'agent')],
  ['messages of central', 'agents', (bytes) => parseAgentMessage(bytes.toString(), 'central')],
  ['messages of clients', 'clients', (bytes) => parseClientMessage(bytes.toString())],
  [
    'the datasets file',
    'datasets',
    (bytes) => parseDatasetsFile('datasets.yaml', bytes.toString(), new FileProblems()),
  ],
  ['the file of topics', 'topics', (bytes) => parseRealtimeFile('realtime.yaml', bytes.toString())],
  ['ranges of frames', 'ranges', (bytes) => protocol.parseFrameRanges(bytes.toString(), 200)],
  [
    'the contents of statements',
    'content',
    (bytes, random) => {
      const readers = [
        protocol.readAssertion,
        protocol.readTimeStatement,
        protocol.readCurrentStatement,
        protocol.readReport,
        protocol.readEnrolmentProof,
        protocol.readDeviceKeyStatement,
        protocol.readKeyRotation,
        protocol.readNextKeyProof,
        protocol.readCentralKeyStatement,
      ];
      return readers[Math.floor(random() * readers.length)]!(bytes.toString());
    },
  ],
];

/** What a caller has decoded before it asks the parser. */
function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function mutated(seed: Buffer, random: Random): Buffer {
  const value = parseJson(seed);
  if (typeof value === 'object' && value !== null && random() < 0.7) return oddBytes(random, value);
  let bytes = seed;
  for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes--) bytes = damaged(bytes, random);
  return bytes;
}

describe('inputs that are nearly right', () => {
  it.each(parsers)('of %s are read, or refused for a reason', async (_, kind, parse) => {
    const random = seededRandom(historySeed);
    const mistakes: string[] = [];
    const before = process.memoryUsage().rss;
    for (let round = 0; round < fuzzedTexts; round++) {
      const known = seeds[kind]!;
      const input = mutated(known[Math.floor(random() * known.length)]!, random);
      try {
        await parse(input, random);
      } catch (error) {
        if (!isRefusal(error))
          mistakes.push(`${String(error)} ${JSON.stringify(input.toString('latin1').slice(0, 500))}`);
      }
    }
    expect(mistakes).toEqual([]);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
  });
});

function isRefusal(error: unknown): boolean {
  return error instanceof RivuletError
    ? error.code !== 'INTERNAL'
    : REFUSALS.has((error as Error).name) || REFUSALS.has((error as Error).constructor.name);
}
