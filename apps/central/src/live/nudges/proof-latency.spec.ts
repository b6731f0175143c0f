import { ProofLatency } from './proof-latency';

it('measures from the first change that a device was nudged for to its proof', () => {
  const latency = new ProofLatency();
  expect(latency.percentiles).toBeUndefined();
  latency.noticed(['a'], 0);
  latency.noticed(['a'], 500);
  expect(latency.provedBy('a', 700)).toBe(700);
  expect(latency.provedBy('a', 900)).toBeUndefined();
  expect(latency.provedBy('never nudged', 900)).toBeUndefined();
});

it('gives percentiles', () => {
  const latency = new ProofLatency();
  for (let ms = 1; ms <= 100; ms++) {
    latency.noticed(['a'], 0);
    latency.provedBy('a', ms);
  }
  expect(latency.percentiles).toEqual({ count: 100, p50Ms: 50, p95Ms: 95, p99Ms: 99 });
});
