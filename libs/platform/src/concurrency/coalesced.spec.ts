import { Coalesced } from './coalesced';

/** Runs that end when they are told to. */
function setUp(): { coalesced: Coalesced<number>; ends: ((error?: Error) => void)[] } {
  const ends: ((error?: Error) => void)[] = [];
  const coalesced = new Coalesced(
    () =>
      new Promise<number>((resolve, reject) => {
        const number = ends.length + 1;
        ends.push((error) => (error === undefined ? resolve(number) : reject(error)));
      }),
  );
  return { coalesced, ends };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('who asks during a run shares the next one', async () => {
  const { coalesced, ends } = setUp();
  const results = [coalesced.run(), coalesced.run(), coalesced.run()];
  expect(ends).toHaveLength(1);
  ends[0]!();
  await settled();
  expect(ends).toHaveLength(2);
  ends[1]!();
  expect(await Promise.all(results)).toEqual([1, 2, 2]);
  expect(coalesced.idle).toBe(true);
});

it('an error reaches those who waited for that run, and nobody else', async () => {
  const { coalesced, ends } = setUp();
  const first = coalesced.run().catch((error: Error) => error.message);
  const second = coalesced.run();
  ends[0]!(new Error('broken'));
  await settled();
  ends[1]!();
  expect(await first).toBe('broken');
  expect(await second).toBe(2);
});

it('what is asked for after a run begins a new one', async () => {
  const { coalesced, ends } = setUp();
  const first = coalesced.run();
  ends[0]!();
  await first;
  const second = coalesced.run();
  await settled();
  ends[1]!();
  expect(await second).toBe(2);
});
