import { LineDecoder, parseAgentMessage } from '@rivulet/agent-protocol';
import { FileProblems, parseDatasetsFile } from '@rivulet/datasets';
import { RivuletError } from '@rivulet/errors';
import * as protocol from '@rivulet/protocol';
import { openKeyChain, openStatement, verifyProof, type DeviceProof } from '@rivulet/signatures';
import { parseQueryTemplate, parseWatermarkQuery } from '@rivulet/snapshot';
import { readData } from '../../apps/central/src/collection/agents/read-data';
import { readCredentials } from '../../apps/central/src/devices/authentication/agent-tokens';
import { readForwarded } from '../../apps/central/src/devices/authentication/forwarded-certificate';
import { readKeyList } from '../../apps/central/src/devices/enrolment/read-key-list';
import { decodeHint } from '../../apps/central/src/realtime/delivery/hint';
import { parseClientMessage } from '../../apps/central/src/realtime/protocol/client-message';
import { parseRealtimeFile } from '../../apps/central/src/realtime/rules/realtime-file';
import { readHandshake } from '../../apps/central/src/realtime/socket/handshake';
import { countInput, fuzzedTexts, tellInputs } from '../support/histories/fuzz-length';
import { historySeed } from '../support/histories/history-length';
import { damaged, oddBytes, seededRandom, type Random } from '../support/attacks/odd-inputs';
import { makeSeeds } from '../support/attacks/parser-seeds';

jest.setTimeout(60_000 + fuzzedTexts * 50);
tellInputs('parsers');

/** What a parser says when it refuses an input; everything else is a mistake of ours. */
const REFUSALS = new Set([
  'RivuletError',
  'ShapeError',
  'StatementError',
  'KeyChainError',
  'FileProblem',
  'ProofError',
  'QueryTextError',
]);

type Parse = (input: Buffer, random: Random) => unknown;

let seeds: Record<string, Buffer[]>;

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

const laterParsers: typeof parsers = [
  ['tasks to collect', 'tasks', (bytes) => protocol.parseCollectionTasks(parseJson(bytes))],
  ['edits of chunks', 'edits', (bytes) => protocol.parseChunkEdits(bytes)],
  ['demands for chunks', 'demands', (bytes) => protocol.parseCollectionDemand(parseJson(bytes))],
  ['receipts of rows', 'receipts', (bytes) => protocol.parseCollectionReceipt(bytes.toString())],
  ['schedules', 'schedules', (bytes) => protocol.parseCollectionSchedule(bytes.toString())],
  ['runs of kept rows', 'keptRuns', (bytes) => protocol.parseKeptAnswer(parseJson(bytes))],
  ['queries with a watermark', 'queries', (bytes) => parseWatermarkQuery(bytes.toString())],
  ['queries of datasets', 'queries', (bytes) => parseQueryTemplate(bytes.toString())],
  [
    'rows of agents',
    'rows',
    (bytes) => {
      const data = parseJson(bytes);
      // What is not an object has been refused with the message.
      if (typeof data === 'object' && data !== null && !Array.isArray(data)) readData({ ...data });
    },
  ],
  ['configurations', 'configurations', (bytes) => protocol.readConfigurationStatement(bytes.toString())],
  ['proofs', 'proofs', (bytes) => verifyProof((parseJson(bytes) ?? {}) as DeviceProof)],
  ['lists of keys', 'keys', (bytes) => readKeyList(bytes.toString())],
  ['credentials of agents', 'credentials', (bytes) => readCredentials(bytes.toString('latin1'))],
  ['certificates in headers', 'certificates', (bytes) => readForwarded(bytes.toString('latin1'))],
  [
    'handshakes',
    'urls',
    (bytes) => {
      const text = bytes.toString('latin1');
      readHandshake({ url: text, headers: { 'sec-websocket-protocol': text, authorization: text } } as never);
    },
  ],
  ['messages between centrals', 'hints', (bytes) => decodeHint(parseJson(bytes) as never)],
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
  it.each([...parsers, ...laterParsers])(
    'of %s are read, or refused for a reason',
    async (_, kind, parse) => {
      const random = seededRandom(historySeed);
      const mistakes: string[] = [];
      const before = process.memoryUsage().rss;
      for (let round = 0; round < fuzzedTexts; round++) {
        const known = seeds[kind]!;
        const input = mutated(known[Math.floor(random() * known.length)]!, random);
        countInput();
        try {
          await parse(input, random);
        } catch (error) {
          if (!isRefusal(error))
            mistakes.push(`${String(error)} ${JSON.stringify(input.toString('latin1').slice(0, 500))}`);
        }
      }
      expect(mistakes).toEqual([]);
      expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    },
  );
});

function isRefusal(error: unknown): boolean {
  return error instanceof RivuletError
    ? error.code !== 'INTERNAL'
    : REFUSALS.has((error as Error).name) || REFUSALS.has((error as Error).constructor.name);
}
