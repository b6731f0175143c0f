import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ErrorCode } from '@rivulet/errors';
import { FRAME_HEADER_BYTES } from '@rivulet/protocol';
import type { ProxiedAnswer, WireAnswer } from '@rivulet/testing';
import { changed, json } from './attacked-edges';

/** What a proxy has seen pass by, and where it leads whom it can. */
export interface Known extends Record<'update' | 'current' | 'others' | 'payload', ProxiedAnswer> {
  elsewhere: string;
}

export type Answer = (forward: () => Promise<ProxiedAnswer>, known: Known) => Promise<WireAnswer>;

/** What the proxy does, and the code by which the edge refuses it. */
type ProxyAttack = [attack: string, ErrorCode, Answer];

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

function raw(text: string): (socket: Socket) => void {
  return (socket) => void socket.write(text);
}

/** Written until the other side has had enough of it. */
function endless(piece: Buffer, everyMs?: number): (socket: Socket) => void {
  return (socket) => {
    socket.on('error', () => undefined);
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
    const chunk = Buffer.concat([
      Buffer.from(`${piece.length.toString(16)}\r\n`),
      piece,
      Buffer.from('\r\n'),
    ]);
    const more = (): void => {
      if (socket.destroyed) return;
      if (everyMs !== undefined) setTimeout(more, everyMs).unref();
      if (!socket.write(chunk)) socket.once('drain', () => everyMs ?? more());
      else if (everyMs === undefined) setImmediate(more);
    };
    more();
  };
}

function problem(code: string, status: number): ProxiedAnswer {
  const headers = { 'content-type': 'application/problem+json' };
  return { status, headers, body: Buffer.from(JSON.stringify({ code, detail: 'So it is said.' })) };
}

const compressed = (text: string): ProxiedAnswer => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  body: gzipSync(text),
});

/** On the answer to a sync request. */
export const onRequest: ProxyAttack[] = [
  ['drops the request', 'CENTRAL_UNREACHABLE', async () => 'cut'],
  ['drops the answer', 'CENTRAL_UNREACHABLE', async (forward) => forward().then(() => 'cut' as const)],
  ['sends a byte of the answer now and then', 'CENTRAL_TOO_SLOW', async () => endless(Buffer.from(' '), 20)],
  ['repeats an old update', 'ANSWER_REPLAYED', async (_, known) => known.update],
  ['repeats an old "current"', 'ANSWER_REPLAYED', async (_, known) => known.current],
  ['gives the answer of another device', 'ANSWER_FOREIGN', async (_, known) => known.others],
  ['truncates the answer', 'CENTRAL_RESPONSE_INVALID', async (forward) => cutShort(await forward())],
  [
    'takes the signature away',
    'ANSWER_UNSIGNED',
    async (forward) => changed(await forward(), (body) => ({ ...body, statement: undefined })),
  ],
  [
    'says that nothing has changed, without a word of central',
    'ANSWER_UNSIGNED',
    async (forward) => changed(await forward(), ({ manifestId }) => ({ status: 'current', manifestId })),
  ],
  [
    'puts a page before the answer',
    'CENTRAL_RESPONSE_INVALID',
    async () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('<p>Log in') }),
  ],
  [
    'leads elsewhere',
    'CENTRAL_REDIRECTED',
    async (_, { elsewhere }) => ({ status: 307, headers: { location: elsewhere }, body: Buffer.alloc(0) }),
  ],
  ['answers without an end', 'LIMIT_EXCEEDED', async () => endless(Buffer.alloc(1024 * 1024, ' '))],
  [
    'sends a small body that inflates to 70 MB',
    'LIMIT_EXCEEDED',
    async () => compressed(' '.repeat(70_000_000)),
  ],
  ['sends millions of values', 'LIMIT_EXCEEDED', async () => compressed(`[${'{},'.repeat(3_000_000)}{}]`)],
  ['nests without end', 'LIMIT_EXCEEDED', async () => compressed('['.repeat(5_000_000))],
  [
    'sends two lengths of one body',
    'CENTRAL_UNREACHABLE',
    async () => raw(`${HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
  ],
  [
    'sends a second answer, for the request that comes next',
    'CENTRAL_RESPONSE_INVALID',
    async () => raw(`${HEAD}content-length: 2\r\n\r\n{}${HEAD}content-length: 2\r\n\r\n{}`),
  ],
  [
    'sends headers of 200 KB',
    'CENTRAL_UNREACHABLE',
    async () => raw(`${HEAD}x-filler: ${'x'.repeat(200_000)}\r\ncontent-length: 2\r\n\r\n{}`),
  ],
  [
    'says that the token is not good, again and again',
    'ACCESS_TOKEN_INVALID',
    async () => problem('ACCESS_TOKEN_INVALID', 401),
  ],
  ['says that the device is revoked', 'DEVICE_REVOKED', async () => problem('DEVICE_REVOKED', 403)],
  [
    'says that central is busy for ever',
    'CENTRAL_UNREACHABLE',
    async () => ({ ...json({}, 503), headers: { 'retry-after': '999999999' } }),
  ],
  [
    'answers with a problem that has no meaning',
    'CENTRAL_RESPONSE_INVALID',
    async () => problem('NONSENSE', 418),
  ],
  ['answers null', 'CENTRAL_RESPONSE_INVALID', async () => json(null)],
];

function cutShort(answer: ProxiedAnswer): ProxiedAnswer {
  return { ...answer, body: answer.body.subarray(0, answer.body.length >> 1) };
}

const HEADER_FIELD = { rows: 8, contentBytes: 12, blockBytes: 16 };

/** The payload with a number of the first frame's header changed. */
function withField(answer: ProxiedAnswer, field: keyof typeof HEADER_FIELD, value: number): ProxiedAnswer {
  const body = Buffer.from(answer.body);
  body.writeUInt32BE(value, HEADER_FIELD[field]);
  return { ...answer, body };
}

function firstFrame({ body }: ProxiedAnswer): Buffer {
  return body.subarray(0, FRAME_HEADER_BYTES + body.readUInt32BE(HEADER_FIELD.blockBytes));
}

function flipped(answer: ProxiedAnswer, place: number): ProxiedAnswer {
  const body = Buffer.from(answer.body);
  body[place]! ^= 1;
  return { ...answer, body };
}

/** On a payload. */
export const onPayload: ProxyAttack[] = [
  [
    'flips a bit of a block',
    'FRAME_INVALID',
    async (forward) => flipped(await forward(), FRAME_HEADER_BYTES + 9),
  ],
  ['flips a bit of a digest', 'FRAME_INVALID', async (forward) => flipped(await forward(), 30)],
  ['flips a bit of the kind', 'FRAME_INVALID', async (forward) => flipped(await forward(), 1)],
  ['leaves the end out', 'CENTRAL_UNREACHABLE', async (forward) => cutShort(await forward())],
  ['gives the payload of another manifest', 'FRAME_INVALID', async (_, known) => known.payload],
  [
    'sends a frame that nobody asked for',
    'FRAME_INVALID',
    async (forward, known) => withFrame(firstFrame(known.payload), await forward()),
  ],
  [
    'sends a frame twice',
    'FRAME_INVALID',
    async (forward) => forward().then((answer) => withFrame(firstFrame(answer), answer)),
  ],
  [
    'ends before it begins',
    'FRAME_INVALID',
    async (forward) =>
      forward().then((answer) => ({ ...answer, body: answer.body.subarray(-FRAME_HEADER_BYTES) })),
  ],
  [
    'announces a block of 4 GB',
    'LIMIT_EXCEEDED',
    async (forward) => withField(await forward(), 'blockBytes', 2 ** 32 - 1),
  ],
  [
    'announces a content of 4 GB',
    'LIMIT_EXCEEDED',
    async (forward) => withField(await forward(), 'contentBytes', 2 ** 32 - 1),
  ],
  [
    'sends a block that inflates beyond its content',
    'FRAME_INVALID',
    async (forward) => withField(await forward(), 'contentBytes', 1),
  ],
  [
    'says that frames are JSON',
    'CENTRAL_RESPONSE_INVALID',
    async (forward) => ({ ...(await forward()), headers: { 'content-type': 'application/json' } }),
  ],
];

function withFrame(frame: Buffer, answer: ProxiedAnswer): ProxiedAnswer {
  return { ...answer, body: Buffer.concat([frame, answer.body]) };
}
