import { Batched } from './batched';

function isOfAll(error: unknown): boolean {
  return (error as Error).message === 'the database is away';
}

/** Doubles numbers, unless one of them is refused; remembers what was done together. */
function setUp(
  refuse: (items: number[]) => Error | undefined = () => undefined,
  maxItems = 3,
): { batched: Batched<number, number>; runs: number[][] } {
  const runs: number[][] = [];
  const work = async (items: number[]): Promise<number[]> => {
    runs.push(items);
    await new Promise(setImmediate);
    const error = refuse(items);
    if (error !== undefined) throw error;
    return items.map((item) => item * 2);
  };
  return { batched: new Batched(work, { maxItems, isOfAll }), runs };
}

async function settle(results: Promise<number>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(results);
  return settled.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message));
}

it('does together what was asked for during a run, in order and up to a number', async () => {
  const { batched, runs } = setUp();
  expect(await Promise.all([1, 2, 3, 4, 5].map((item) => batched.run(item)))).toEqual([2, 4, 6, 8, 10]);
  expect(runs).toEqual([[1], [2, 3, 4], [5]]);
  expect(await batched.run(6)).toBe(12);
});

it('an item that cannot be done fails alone', async () => {
  const { batched, runs } = setUp((items) => (items.includes(3) ? new Error('three') : undefined));
  expect(await settle([1, 2, 3, 4, 5].map((item) => batched.run(item)))).toEqual([2, 4, 'three', 8, 10]);
  expect(runs).toEqual([[1], [2, 3, 4], [2], [3], [4], [5]]);
});

it('an error of all is told to all of the run, and the next run is tried', async () => {
  const { batched, runs } = setUp((items) =>
    items.includes(3) ? new Error('the database is away') : undefined,
  );
  const away = 'the database is away';
  expect(await settle([1, 2, 3, 4, 5].map((item) => batched.run(item)))).toEqual([2, away, away, away, 10]);
  expect(runs).toEqual([[1], [2, 3, 4], [5]]);
});
