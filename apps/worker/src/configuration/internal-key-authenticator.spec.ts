import { workerHeaders, workerSignature } from '@rivulet/protocol';
import type { FastifyRequest } from 'fastify';
import { InternalKeyAuthenticator } from './internal-key-authenticator';

const KEY = 'a-key-of-sixteen-or-more';
const TODAY = Date.parse('2026-11-27T08:00:00Z');
const MINUTE_MS = 60_000;
const clock = { nowMs: 0, elapsedMs: 0 };

function authenticator(nowMs: number): InternalKeyAuthenticator {
  Object.assign(clock, { nowMs, elapsedMs: 0 });
  return new InternalKeyAuthenticator(
    KEY,
    ['worker-7:8082'],
    () => clock.nowMs,
    () => clock.elapsedMs,
  );
}

function pass(ms: number): void {
  clock.nowMs += ms;
  clock.elapsedMs += ms;
}

let nonces = 0;

function signedAt(atMs: number): FastifyRequest {
  const said = {
    timestamp: String(atMs),
    nonce: String(nonces++).padStart(16, '0'),
    audience: 'worker-7:8082',
  };
  const { timestamp, nonce, audience, signature } = workerHeaders;
  const headers = {
    [timestamp]: said.timestamp,
    [nonce]: said.nonce,
    [audience]: said.audience,
    [signature]: workerSignature(KEY, said, ''),
  };
  return { headers, socket: {} } as unknown as FastifyRequest;
}

const outOfTime = expect.objectContaining({ code: 'WORKER_REQUEST_OUT_OF_TIME' });

it.each([
  ['1970', Date.parse('1970-01-01T00:01:00Z')],
  ['2099', Date.parse('2099-01-01T00:00:00Z')],
])(
  'a worker that was started while its clock said %s takes what is signed after it was set right',
  (_, wrong) => {
    const worker = authenticator(wrong);
    pass(MINUTE_MS);
    const before = signedAt(clock.nowMs);
    worker.authenticate(signedAt(clock.nowMs));
    clock.nowMs = TODAY;
    pass(1_000);
    worker.authenticate(signedAt(clock.nowMs));
    expect(() => worker.authenticate(before)).toThrow(outOfTime);
  },
);

it('what was signed before it was started is out of time, and what was seen is remembered for as long as it counts', () => {
  const worker = authenticator(TODAY);
  expect(() => worker.authenticate(signedAt(TODAY - 1))).toThrow(outOfTime);
  pass(MINUTE_MS);
  const request = signedAt(clock.nowMs + 4 * MINUTE_MS);
  worker.authenticate(request);
  pass(8 * MINUTE_MS);
  expect(() => worker.authenticate(request)).toThrow(
    expect.objectContaining({ code: 'WORKER_REQUEST_REPLAYED' }),
  );
  pass(3 * MINUTE_MS);
  expect(() => worker.authenticate(request)).toThrow(outOfTime);
});
