import { ulid } from 'ulid';
import { ProofLatency } from './proof-latency';

beforeAll(() => jest.useFakeTimers());
afterAll(() => jest.useRealTimers());

/** A manifest that was issued so long ago. */
const issued = (agoMs: number): string => ulid(Date.now() - agoMs);

it('measures from the first change that a device was nudged for to its proof', () => {
  const latency = new ProofLatency();
  expect(latency.percentiles).toBeUndefined();
  latency.published(['a'], 0);
  latency.published(['a'], 500);
  expect(latency.provedBy('a', issued(300), 700)).toBe(700);
  expect(latency.provedBy('a', issued(100), 900)).toBeUndefined();
  expect(latency.provedBy('never nudged', issued(100), 900)).toBeUndefined();
});

it('does not take the proof of a manifest for one of a change that came after it', () => {
  const latency = new ProofLatency();
  latency.published(['a'], 500);
  expect(latency.provedBy('a', issued(300), 700)).toBeUndefined();
  expect(latency.provedBy('a', issued(150), 900)).toBe(400);
});

it('gives percentiles', () => {
  const latency = new ProofLatency();
  for (let ms = 1; ms <= 100; ms++) {
    latency.published(['a'], 0);
    latency.provedBy('a', issued(0), ms);
  }
  expect(latency.percentiles).toEqual({ count: 100, p50Ms: 50, p95Ms: 95, p99Ms: 99 });
});
