import { ReadingPace } from './reading-pace';

it('reads fewer scopes at once when each takes long, and more again when it does not', () => {
  const pace = new ReadingPace();
  expect(pace.batchScopes).toBe(200);
  pace.note(200, 400, 0);
  expect(pace.batchScopes).toBe(200);
  for (let turn = 0; turn < 20; turn += 1) pace.note(10, 10_000, 0);
  expect(pace.batchScopes).toBe(2);
  pace.note(2, 60_000, 0);
  expect(pace.batchScopes).toBe(1);
  for (let turn = 0; turn < 40; turn += 1) pace.note(1, 5, 0);
  expect(pace.batchScopes).toBe(200);
});

it('sends a device away until as many as wait have been read, within bounds', () => {
  const pace = new ReadingPace();
  pace.note(500, 1_000, 10_000);
  // 50 a second.
  expect(pace.retryAfterSeconds(500, 10_000, () => 0)).toBe(10);
  expect(pace.retryAfterSeconds(500, 10_000, () => 0.99)).toBe(20);
  expect(pace.retryAfterSeconds(1, 10_000, () => 0)).toBe(2);
  expect(pace.retryAfterSeconds(10_000, 10_000, () => 0.99)).toBe(60);
  expect(pace.retryAfterSeconds(10, 100_000, () => 0)).toBe(15);
});
