import type { InjectOptions } from 'fastify';
import { someUlid } from '../clients/device-client';

export type Random = () => number;

/** Mulberry32: the same inputs for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const digest = 'a'.repeat(64);

/** From which most inputs differ in little: what is wrong everywhere is refused too early to be interesting. */
const BODIES: Record<string, unknown>[] = [
  {
    protocolVersion: 1,
    nonce: 'AAAAAAAAAAAAAAAAAAAAAA',
    lastManifestId: someUlid,
    schemaVersion: digest,
    tables: [{ name: 'users', fingerprint: digest, checksum: digest }],
    wholeTables: false,
  },
  {
    manifestId: someUlid,
    status: 'applied',
    cycleId: someUlid,
    finishedAt: '2026-11-21T08:00:03.251Z',
    durationMs: 1,
    tables: [{ name: 'users', rows: 1, checksum: digest }],
  },
  {
    manifestId: someUlid,
    status: 'failed',
    cycleId: someUlid,
    finishedAt: '1970-01-01T00:00:00+01:00',
    durationMs: 1,
    tables: [],
    error: { code: 'APPLY_FAILED', message: 'The reason.' },
  },
  { confirmDeletes: 'yes', repair: 'yes', limit: 1 },
];

const ODD_VALUES: unknown[] = [
  null,
  true,
  '',
  '\0',
  'a\0b',
  '\ud800',
  'ü'.repeat(40),
  'x'.repeat(3_000),
  someUlid,
  digest,
  0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  [],
  [[]],
  {},
  { length: 1e9 },
  { toString: 1, constructor: 2 },
  Array.from({ length: 1_001 }, () => ({})),
  Array.from({ length: 20 }, () => ({ name: 'users', fingerprint: digest, checksum: digest, rows: 1 })),
  '2026-02-30T25:00:00Z',
  '0000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00.000Z',
  '2026-W01-1T00:00:00Z',
  '2026-11-27T08',
  '2026-11-27T08:15:30,5Z',
];
const ODD_NAMES = ['x', '', '__proto__', 'constructor', 'a\0', 'toString', 'length', 'tables', 'name'];
const ODD_HEADERS: [string, string[]][] = [
  [
    'content-type',
    ['text/plain', 'application/json; charset=utf-16', 'application/json;', 'nonsense', 'a/b; c="d'],
  ],
  ['content-encoding', ['gzip', 'identity', 'x']],
  ['x-device-mac', ['', 'x', '00:00:00:00:00:00', '48-B0-2D-E9-C3-B7', "' OR 1=1 --", 'ff'.repeat(500)]],
  ['x-request-id', ['', ' ', 'x'.repeat(65), "'; --", 'a b']],
  ['expect', ['100-continue', 'magic']],
  ['accept', ['text/html', '*/*;q=0']],
  ['range', ['bytes=0-', 'x']],
  ['if-none-match', ['*']],
  ['transfer-encoding', ['chunked', 'x']],
];
const ODD_SEGMENTS = [
  '',
  '%00',
  '%2e%2e',
  '..%2f..',
  someUlid,
  someUlid.toLowerCase(),
  '%ff',
  '%zz',
  'x'.repeat(200),
  '💥',
];
const ODD_QUERIES = [
  'x=1',
  'frames[]=0',
  'frames=0-0&frames=1-1',
  'frames=%00',
  'frames=',
  'frames=99999999999-1',
].concat([
  'limit=0',
  'limit=1e3',
  'limit=%31',
  'limit=',
  '__proto__=1',
  '=',
  '&&',
  '?',
  '%',
  'frames=0-0',
  'limit=5',
]);

/** A route as `GET /api/x/{id}`, with a body that it takes. */
export interface FuzzedRoute {
  route: string;
  body?: Record<string, unknown> | undefined;
  /** What it takes instead of JSON, and its media type. */
  binary?: { type: string; bytes: Buffer } | undefined;
}

/** Who calls, and names that were seen in answers: with them a request gets further. */
export interface FuzzedCaller {
  headers: Record<string, string>[];
  seen: string[];
}

/** Makes requests to these routes of which hardly any is as it should be. */
export function oddRequest(
  random: Random,
  routes: FuzzedRoute[],
  { headers: callers, seen }: FuzzedCaller,
): InjectOptions {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const { route, body, binary } = pick(routes);
  const [method, path] = route.split(' ') as ['GET' | 'POST', string];
  const segment = (): string =>
    seen.length > 0 && random() < 0.7 ? encodeURIComponent(pick(seen)) : pick(ODD_SEGMENTS);
  const segments = path.replaceAll(/\{\w+\}|:\w+/g, segment);
  const query = random() < 0.3 ? `?${pick(ODD_QUERIES)}${random() < 0.2 ? `&${pick(ODD_QUERIES)}` : ''}` : '';
  const takesBody = ['POST', 'PUT', 'PATCH'].includes(method);
  const headers: Record<string, string> = { ...pick(callers) };
  if (takesBody || random() < 0.1) headers['content-type'] = 'application/json';
  if (random() < 0.15) {
    const [name, values] = pick(ODD_HEADERS);
    headers[name] = pick(values);
  }
  const hasBody = takesBody || random() < 0.05;
  const isBinary = binary !== undefined && random() < 0.9;
  if (isBinary) headers['content-type'] = binary.type;
  return {
    method: random() < 0.03 ? pick(['DELETE', 'OPTIONS', 'HEAD', 'PUT', 'PATCH'] as const) : method,
    url: segments + query,
    headers,
    ...(hasBody && {
      payload: isBinary
        ? damaged(binary.bytes, random)
        : oddBytes(random, body && random() < 0.8 ? body : pick(BODIES)),
    }),
  };
}

/** JSON that differs in little from what is expected, or bytes that are none. */
export function oddBytes(random: Random, like: object): Buffer {
  const body = structuredClone(like);
  for (let changes = Math.floor(random() * 3) + 1; changes > 0; changes--) changeSomewhere(body, random);
  const text = JSON.stringify(random() < 0.03 ? ODD_VALUES[Math.floor(random() * ODD_VALUES.length)] : body);
  return random() > 0.15 ? Buffer.from(text) : damaged(Buffer.from(text), random);
}

/** The same bytes with a piece cut off, doubled, moved or changed. */
export function damaged(bytes: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return bytes;
  const place = Math.floor(random() * bytes.length);
  const other = Math.floor(random() * bytes.length);
  const kind = Math.floor(random() * 5);
  if (kind === 0) return bytes.subarray(0, place);
  if (kind === 1) return Buffer.concat([bytes.subarray(0, place), bytes.subarray(Math.floor(place / 2))]);
  if (kind === 2)
    return Buffer.concat([
      bytes.subarray(0, place),
      bytes.subarray(other, other + 64),
      bytes.subarray(place),
    ]);
  const copy = Buffer.from(bytes);
  if (kind === 3) copy.writeUIntBE(random() < 0.5 ? 0 : 255, place, 1);
  else copy[place] = copy[place]! ^ (1 << Math.floor(random() * 8));
  return copy;
}

/** Changes, adds or removes a field, at any depth. */
function changeSomewhere(target: object, random: Random): void {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const fields = target as Record<string, unknown>;
  const names = Object.keys(fields);
  if (Array.isArray(target)) {
    target.splice(Math.floor(random() * (target.length + 1)), 1, structuredClone(pick(ODD_VALUES)));
    return;
  }
  const name = names.length > 0 && random() < 0.85 ? pick(names) : pick(ODD_NAMES);
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (typeof value === 'object' && value !== null && random() < 0.6) changeSomewhere(value, random);
  else if (random() < 0.15) delete fields[name];
  else
    Object.defineProperty(fields, name, {
      value: structuredClone(pick(ODD_VALUES)),
      enumerable: true,
      configurable: true,
      writable: true,
    });
}
