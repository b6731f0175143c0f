import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { markdownTable } from '@rivulet/cli';
import type { Pool } from 'pg';
import { SimulatedDevice, type Held } from '../load/simulated-device';
import { median, round } from '../measure/statistics';
import { startCentralWith } from '../setup/bench-apps';
import { datasetsFile, fleetMacAddresses } from '../setup/bench-devices';
import type { BenchRun } from '../setup/bench-run';

const TABLES = 500;
const ROWS_EACH = 200;
/** Between two requests of the device that waits for a changed definition. */
const ASK_AGAIN_MS = 100;

/** A file of many datasets: how long its check takes, and until central has noticed a changed definition. */
export interface DatasetsResult {
  tables: number;
  rowsEach: number;
  /** The command `check`, from its start to its end. */
  checkSeconds: number;
  /** What it had shown of its progress by then. */
  progressBytes: number;
  /** From the start of central's process until it is ready. */
  startSeconds: number;
  /** From the commit of ALTER TABLE until a device is sent the new column. */
  noticedSeconds: number;
  longestNoticedSeconds: number;
}

export async function benchDatasets(run: BenchRun): Promise<DatasetsResult> {
  const { pool } = run.servers.central;
  await createTables(pool);
  const names = Array.from({ length: TABLES }, (_, index) => `many_${index + 1}`);
  const file = datasetsFile(Object.fromEntries(names.map((name) => [`${name}_mirror`, name])));
  const startedAt = performance.now();
  const central = await startCentralWith(run, file);
  const startSeconds = (performance.now() - startedAt) / 1000;
  try {
    const checks = [];
    for (let count = 0; count < run.repeat; count++) checks.push(await check(run));
    const noticed = await noticeColumns(run, central.url);
    return {
      tables: TABLES,
      rowsEach: ROWS_EACH,
      checkSeconds: round(median(checks.map(({ seconds }) => seconds)), 1),
      progressBytes: Math.min(...checks.map(({ progressBytes }) => progressBytes)),
      startSeconds: round(startSeconds, 1),
      noticedSeconds: round(median(noticed), 1),
      longestNoticedSeconds: round(Math.max(...noticed), 1),
    };
  } finally {
    await central.stop();
  }
}

async function createTables(pool: Pool): Promise<void> {
  await pool.query(`
    DO $$ BEGIN FOR i IN 1..${TABLES} LOOP
      EXECUTE format('CREATE TABLE many_%s (id int PRIMARY KEY, name text NOT NULL, amount numeric)', i);
      EXECUTE format('INSERT INTO many_%s SELECT n, ''name '' || n, n / 7.0 FROM generate_series(1, ${ROWS_EACH}) n', i);
    END LOOP; END $$`);
  await pool.query('ANALYZE');
}

/** @throws unless it finds no mistake */
async function check({ servers, log }: BenchRun): Promise<{ seconds: number; progressBytes: number }> {
  const startedAt = performance.now();
  const args = ['dist/apps/datasets-cli/src/main.js', 'check', '--file', servers.path('datasets.yaml')];
  const env = { ...process.env, CENTRAL_DATABASE_URL: servers.central.url };
  const command = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let shown = '';
  command.stderr.setEncoding('utf8').on('data', (text: string) => (shown += text));
  const [code] = (await once(command, 'close')) as [number];
  if (code !== 0) throw new Error(`check ended with ${code}: ${shown}`);
  const seconds = (performance.now() - startedAt) / 1000;
  log(`  checked in ${round(seconds, 1)} s`);
  return { seconds, progressBytes: Buffer.byteLength(shown) };
}

/** How long each new column took to be in what a device is sent, in seconds. */
async function noticeColumns({ servers, repeat, log }: BenchRun, url: string): Promise<number[]> {
  const device = new SimulatedDevice(url, fleetMacAddresses[0]!);
  let { held } = await device.sync(undefined);
  const noticed: number[] = [];
  for (let count = 1; count <= repeat; count++) {
    await servers.central.pool.query(`ALTER TABLE many_${count} ADD COLUMN extra int DEFAULT ${count}`);
    const startedAt = performance.now();
    held = await untilAnother(device, held!);
    noticed.push((performance.now() - startedAt) / 1000);
    log(`  a new column was noticed in ${round(noticed.at(-1)!, 1)} s`);
  }
  return noticed;
}

async function untilAnother(device: SimulatedDevice, held: Held): Promise<Held> {
  for (;;) {
    const synced = await device.sync(held);
    if (synced.held?.schemaVersion !== held.schemaVersion) return synced.held!;
    await delay(ASK_AGAIN_MS);
  }
}

export function datasetsTable(result: DatasetsResult): string {
  return [
    `### ${result.tables} datasets, each of a table with ${result.rowsEach} rows`,
    '',
    markdownTable(
      ['what', 'seconds'],
      [
        ['npm run datasets -- check', result.checkSeconds],
        ['start of central', result.startSeconds],
        ['a new column, until a device is sent it', result.noticedSeconds],
        ['the same, at most', result.longestNoticedSeconds],
      ],
    ),
    '',
    `The check showed ${result.progressBytes} bytes of progress.`,
  ].join('\n');
}
