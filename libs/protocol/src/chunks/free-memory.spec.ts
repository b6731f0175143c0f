import { freeMemory, ownCopyOf } from './free-memory';

it('what is behind a large buffer is given back at once', () => {
  const buffer = Buffer.alloc(100_000, 'x');
  const part = buffer.subarray(10, 20);
  freeMemory(buffer);
  expect([buffer.length, part.length]).toEqual([0, 0]);
});

it('small buffers, which share memory with others, stay', () => {
  const [one, other] = [Buffer.from('one'), Buffer.from('other')];
  freeMemory(one);
  expect([one.toString(), other.toString()]).toEqual(['one', 'other']);
});

it('a small buffer in memory of its own is given back, once', () => {
  const copy = ownCopyOf(Buffer.from('one'));
  expect(copy.toString()).toBe('one');
  freeMemory(copy);
  freeMemory(copy);
  expect(copy).toHaveLength(0);
});
