import { inBatches } from './in-batches';

it.each([
  [[], []],
  [
    [3, 4, 3, 1],
    [[3, 4, 3], [1]],
  ],
  [
    [1, 11, 2, 8, 1],
    [[1], [11], [2, 8], [1]],
  ],
])('%j of at most 10 are %j', (sizes, batches) => {
  expect([...inBatches(sizes, (size) => size, 10)]).toEqual(batches);
});
