import { NudgeQueue } from './nudge-queue';

const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `device ${index}`);

it('nudges a few devices at once', () => {
  const queue = new NudgeQueue(() => 0.99);
  queue.add(many(20), 5_000);
  expect(queue.takeDue(5_000)).toEqual(many(20));
  expect(queue.takeDue(60_000)).toEqual([]);
});

it('nudges a device at most once a second, and again for what changed since', () => {
  const queue = new NudgeQueue();
  queue.add(['a'], 0);
  expect(queue.takeDue(0)).toEqual(['a']);
  queue.add(['a'], 100);
  queue.add(['a'], 200);
  expect(queue.takeDue(999)).toEqual([]);
  expect(queue.takeDue(1_000)).toEqual(['a']);
  expect(queue.takeDue(9_000)).toEqual([]);
});

it('spreads many over a time that grows with their number, three seconds at most', () => {
  const queue = new NudgeQueue();
  queue.add(many(1_000), 0);
  const early = queue.takeDue(1_000).length;
  expect(early).toBeGreaterThan(300);
  expect(early).toBeLessThan(700);
  expect(early + queue.takeDue(2_000).length).toBe(1_000);
  queue.add(many(1_000_000), 10_000);
  expect(queue.takeDue(13_000)).toHaveLength(1_000_000);
});

it('forgets a device that has gone', () => {
  const queue = new NudgeQueue();
  queue.add(['a', 'b'], 0);
  queue.forget('a');
  expect(queue.takeDue(0)).toEqual(['b']);
});
