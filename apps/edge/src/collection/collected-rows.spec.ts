import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Chunk, CollectionTask } from '@rivulet/protocol';
import { CollectedRows } from './collected-rows';

const MEBIBYTE = 1024 * 1024;

let directory: string;
let dropped: string[];
let rows: CollectedRows;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rivulet-collected-'));
  dropped = [];
  rows = new CollectedRows(directory, 2 * MEBIBYTE, (runId) => dropped.push(runId));
  await rows.open();
});
afterEach(() => rmSync(directory, { recursive: true }));

const taskOf = (number: number): CollectionTask => ({
  runId: `01KAJ9V9RW4C7ZK3DYE7V1NB${number}R`,
  name: 'noise',
  query: 'SELECT 1',
  mode: 'mirror',
  key: ['id'],
  watermark: [],
});

/** Bytes that do not compress. */
function noise(bytes: number): Chunk {
  const content = randomBytes(bytes);
  const digest = createHash('sha256').update(content).digest();
  return { digest, rows: 1, bytes, firstKey: '1', lastKey: '1', content };
}

async function keep(number: number, chunks: number, chunkBytes = 0.8 * MEBIBYTE): Promise<string> {
  const task = taskOf(number);
  await rows.write(
    task,
    async (sink) => {
      sink.begin([{ name: 'id', type: 'bytea' }]);
      for (let chunk = 0; chunk < chunks; chunk++) await sink.add(noise(Math.floor(chunkBytes)));
    },
    () => undefined,
  );
  return task.runId;
}

it('keeps runs until there is no room, and then drops the oldest and says so', async () => {
  const [first, second, third] = [await keep(1, 1), await keep(2, 1), await keep(3, 1)];
  expect(await rows.runIds()).toEqual([second, third]);
  expect(dropped).toEqual([first]);
  expect(await rows.find(first)).toBeUndefined();
  const kept = (await rows.find(third))!;
  const frames = await rows.frames(kept, 0, 0);
  expect(frames).toHaveLength(kept.offsets[1]!);
});

it('refuses a run that needs more than there is for all, and leaves nothing of it', async () => {
  await expect(keep(1, 3)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(readdirSync(directory)).toEqual([]);
});

it('removes what a process has begun and not ended, and what a power loss has cut off', async () => {
  const whole = await keep(1, 1, 1_000);
  const cut = await keep(2, 1, 1_000);
  writeFileSync(join(directory, `${cut}.json`), '{"runId":');
  writeFileSync(join(directory, `${taskOf(3).runId}.frames`), 'half');
  writeFileSync(join(directory, `${whole}.json.4711.new`), 'half');
  const again = new CollectedRows(directory, 2 * MEBIBYTE, () => undefined);
  await again.open();
  expect(await again.find(cut)).toBeUndefined();
  expect(readdirSync(directory).toSorted()).toEqual([`${whole}.frames`, `${whole}.json`]);
});
