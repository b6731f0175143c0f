import { formatCount, markdownTable } from '@rivulet/cli';
import type { Pool } from 'pg';
import { SimulatedDevice, type Held } from '../load/simulated-device';
import { round } from '../measure/statistics';
import { startCentralWith } from '../setup/bench-apps';
import { datasetsFile, fleetMacAddresses } from '../setup/bench-devices';
import type { BenchRun } from '../setup/bench-run';
import { createSourceRows } from '../setup/source-rows';

/** Rows of the tables that are written to. */
const TABLE_ROWS: Record<string, number> = { store_small: 10_000, store_middle: 20_000, store_large: 50_000 };
const ROWS_PER_COMMIT = 2;

/** After how many commits each device syncs. */
const DEVICES_SYNC_EVERY = [4, 16, 64, 256];

/** How often the tables of central are measured. */
const SAMPLES = 20;

const MIB = 1024 * 1024;

interface StoreSample {
  commits: number;
  storeMiB: number;
}

/** Many small commits, and devices that follow them: what central keeps. */
export interface StoreResult {
  commits: number;
  syncs: number;
  seconds: number;
  /** Heap and indexes of the tables that were written to. */
  sourceMiB: number;
  sentMiB: number;
  /** Everything in central's schema: at the end, and at its largest. */
  storeMiB: number;
  largestMiB: number;
  bytesPerCommit: number;
  /** At the end, the largest first. */
  tablesMiB: Record<string, number>;
  samples: StoreSample[];
}

export async function benchStore(run: BenchRun): Promise<StoreResult> {
  const { pool } = run.servers.central;
  for (const [table, rows] of Object.entries(TABLE_ROWS)) await createSourceRows(pool, table, rows);
  const mirrors = Object.fromEntries(Object.keys(TABLE_ROWS).map((table) => [`${table}_mirror`, table]));
  const central = await startCentralWith(run, datasetsFile(mirrors));
  try {
    const startedAt = performance.now();
    const followed = await follow(run, central.url);
    const seconds = (performance.now() - startedAt) / 1000;
    const tablesMiB = await tableSizes(pool);
    const { storeMiB } = followed.samples.at(-1)!;
    const largestMiB = Math.max(...followed.samples.map((sample) => sample.storeMiB));
    return {
      commits: run.commits,
      syncs: followed.syncs,
      seconds: round(seconds, 0),
      sourceMiB: await sourceMiB(pool),
      sentMiB: round(followed.bytes / MIB, 1),
      storeMiB,
      largestMiB,
      bytesPerCommit: round(((storeMiB - followed.samples[0]!.storeMiB) * MIB) / run.commits, 0),
      tablesMiB,
      samples: followed.samples,
    };
  } finally {
    await central.stop();
  }
}

/** Commits, and has each device sync in its turn. The first sample is of when all have everything. */
async function follow(
  { servers, commits, log }: BenchRun,
  url: string,
): Promise<{ samples: StoreSample[]; syncs: number; bytes: number }> {
  const { pool } = servers.central;
  const devices = DEVICES_SYNC_EVERY.map((every, index) => {
    return {
      every,
      device: new SimulatedDevice(url, fleetMacAddresses[index]!),
      held: undefined as Held | undefined,
    };
  });
  const samples: StoreSample[] = [];
  let syncs = 0;
  let bytes = 0;
  for (let commit = 0; commit <= commits; commit += 1) {
    if (commit > 0) await commitOnce(pool, commit);
    for (const each of devices.filter(({ every }) => commit % every === 0)) {
      const synced = await each.device.sync(each.held);
      each.held = synced.held;
      syncs += 1;
      bytes += synced.bytes;
    }
    if (commit % Math.ceil(commits / SAMPLES) !== 0 && commit !== commits) continue;
    const storeMiB = await storeSize(pool);
    samples.push({ commits: commit, storeMiB });
    log(`  ${formatCount(commit)} commits: ${storeMiB} MiB`);
  }
  return { samples, syncs, bytes };
}

/** Rows in two places of one table, which takes turns. */
async function commitOnce(pool: Pool, commit: number): Promise<void> {
  const tables = Object.entries(TABLE_ROWS);
  const [table, rows] = tables[commit % tables.length]!;
  const ids = Array.from(
    { length: ROWS_PER_COMMIT },
    (_, index) => 1 + ((commit * 7919 + index * 4513) % rows),
  );
  await pool.query(`UPDATE ${table} SET amount = amount + 1 WHERE id = ANY ($1::bigint[])`, [ids]);
}

async function storeSize(pool: Pool): Promise<number> {
  return round(
    Object.values(await tableSizes(pool)).reduce((sum, size) => sum + size, 0),
    1,
  );
}

async function tableSizes(pool: Pool): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ name: string; bytes: string }>(`
    SELECT relname AS name, pg_total_relation_size(oid) AS bytes FROM pg_class
    WHERE relnamespace = 'rivulet'::regnamespace AND relkind = 'r' ORDER BY bytes DESC`);
  return Object.fromEntries(rows.map(({ name, bytes }) => [name, round(Number(bytes) / MIB, 1)]));
}

async function sourceMiB(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ bytes: string }>(
    'SELECT sum(pg_total_relation_size(name::regclass)) AS bytes FROM unnest($1::text[]) AS name',
    [Object.keys(TABLE_ROWS)],
  );
  return round(Number(rows[0]!.bytes) / MIB, 1);
}

export function storeTable(result: StoreResult): string {
  const tables = Object.entries(result.tablesMiB).filter(([, size]) => size >= 0.1);
  return [
    `### ${formatCount(result.commits)} small commits, ${formatCount(result.syncs)} syncs`,
    '',
    markdownTable(
      ['what', 'MiB'],
      [
        ["central's schema at the end", round(result.storeMiB, 1)],
        ["central's schema at its largest", round(result.largestMiB, 1)],
        ["the source's tables", result.sourceMiB],
        ['sent to devices', result.sentMiB],
        ...tables.map(([name, size]) => [`of the schema: ${name}`, size]),
      ],
    ),
    '',
    `The schema grew by ${formatCount(result.bytesPerCommit)} bytes a commit, in ${result.seconds} s.`,
  ].join('\n');
}
