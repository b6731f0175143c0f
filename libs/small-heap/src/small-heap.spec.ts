import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const library = stripTypeScriptTypes(readFileSync(join(__dirname, 'index.ts'), 'utf8'));

/** Objects that live for some collections, and are garbage then. Prints the largest size of the young generation, in MiB. */
const churn = `
  import { getHeapSpaceStatistics } from 'node:v8';
  const ring = new Array(20_000);
  let most = 0;
  for (let turn = 0; turn < 400; turn += 1) {
    for (let index = 0; index < 500; index += 1) ring[(turn * 500 + index) % ring.length] = new Array(40).fill(index);
    most = Math.max(most, getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space').space_size);
    await new Promise(setImmediate);
  }
  process.stdout.write(String(most / 1024 / 1024));`;

/** Much that stays, and bursts of what does not. Prints the resident memory, in MiB. */
const bursts = `
  const turn = () => new Promise(setImmediate);
  const rows = () => Array.from({ length: 500 }, (_, index) => ({ index, text: 'x'.repeat(50) + index }));
  globalThis.kept = [];
  const temporary = [];
  for (let count = 0; count < 2_000; count += 1) {
    if (count < 600) kept.push(rows());
    temporary.push(rows());
    if (temporary.length === 400) temporary.length = 0;
    await turn();
  }
  for (let count = 0; count < 100; count += 1) await new Promise((resolve) => setTimeout(resolve, 1));
  process.stdout.write(String(process.memoryUsage().rss / 1024 / 1024));`;

async function printedBy(...sources: string[]): Promise<number> {
  return Number((await play(...sources)).stdout);
}

async function play(...sources: string[]): Promise<{ stdout: string; stderr: string }> {
  const program = sources.map((source) => `await import(${JSON.stringify(dataUrl(source))});`).join('\n');
  const args = ['--input-type=module', '--eval', program];
  return promisify(execFile)(process.execPath, args, { timeout: 30_000 });
}

function dataUrl(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

it('keeps the young generation small from the moment when it is imported, and when the app listens', async () => {
  const [unlimited, whileLoading, listening] = await Promise.all([
    printedBy(churn),
    printedBy(library, churn),
    printedBy(`${library}; limitGarbage(); growYoungGeneration();`, churn),
  ]);
  expect(unlimited).toBeGreaterThan(2 * whileLoading);
  expect(unlimited).toBeGreaterThan(2 * listening);
});

it('gives back what bursts have taken when much is in use', async () => {
  const [usually, limited] = await Promise.all([
    printedBy(bursts),
    printedBy(`${library}; limitGarbage(); growYoungGeneration();`, bursts),
  ]);
  expect(limited).toBeLessThan(0.65 * usually);
});

it('sets flags that V8 knows: of others it complains, and goes on', async () => {
  expect((await play(`${library}; limitGarbage(); growYoungGeneration();`)).stderr).toBe('');
  expect((await play(`${library}; setFlagsFromString('--no-such-flag');`)).stderr).toContain('no-such-flag');
});

it('keeps the memory that small buffers share smaller than a read of a socket', async () => {
  const print = `process.stdout.write(String(Buffer.allocUnsafe(1).buffer.byteLength));`;
  expect(await printedBy(library, print)).toBe(8 * 1024);
});
