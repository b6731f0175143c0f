import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptReceipts, RECEIPTS_FILE } from './kept-receipts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'rivulet-receipts-'))));
afterEach(() => rmSync(directory, { recursive: true }));

const kept = (): string[] =>
  readFileSync(join(directory, RECEIPTS_FILE), 'utf8')
    .split('\n')
    .filter((line) => line !== '');

it('keeps receipts, also behind one that was cut off', async () => {
  const receipts = new KeptReceipts(directory);
  await receipts.add('one');
  appendFileSync(join(directory, RECEIPTS_FILE), '\ntw');
  await receipts.add('three');
  expect(kept()).toEqual(['one', 'tw', 'three']);
});

it('drops the older half of them when there are too many', async () => {
  const receipts = new KeptReceipts(directory, 100);
  for (let number = 0; number < 100; number++) await receipts.add(`receipt ${number}`);
  expect(kept().length).toBeLessThanOrEqual(10);
  expect(kept().at(-1)).toBe('receipt 99');
});
