import { reconnectDelayMs } from './reconnect-delay';

it('is any time up to a limit that doubles with each failure, up to a minute', () => {
  const limits = [0, 1, 4, 5, 50].map((failures) => reconnectDelayMs(failures, 0, () => 1));
  expect(limits).toEqual([2_000, 4_000, 32_000, 60_000, 60_000]);
  expect(reconnectDelayMs(3, 0, () => 0)).toBe(0);
});

it('is at least what central asks for', () => {
  expect(reconnectDelayMs(0, 30_000, () => 0)).toBe(30_000);
});
