import { writeFileSync } from 'node:fs';
import type { AppProcess } from '@rivulet/app-process';
import { startApp } from '@rivulet/testing';
import { datasetsFile, edgeMacAddress } from './bench-devices';
import type { BenchServers } from './bench-servers';
import type { BenchRun } from './bench-run';

/** The part of the edge's answer to POST /api/sync/now that is of use here. */
export interface SyncAnswer {
  status: string;
  wireBytes: number;
  durations: Record<'requestMs' | 'downloadMs' | 'applyMs' | 'verifyMs' | 'totalMs', number>;
  tables: { action: string; bytes: number; rows: number; checksum: string }[];
}

export interface RunningApp {
  url: string;
  pid: number;
  peakRssMiB: number;
  stop(): Promise<void>;
}

/** Of the admin of every central here: they have one database, and the first makes the admin. */
export const ADMIN_PASSWORD = 'for one benchmark alone';

/** The authorization of that admin. */
export const adminAuthorization = `Basic ${Buffer.from(`admin:${ADMIN_PASSWORD}`).toString('base64')}`;

/** Tests keep what Node has compiled, to start faster. It takes more than 20 MiB, which no app takes otherwise. */
const likeInProduction = { NODE_DISABLE_COMPILE_CACHE: '1' };

/** Central, serving the table `source` of its database as the mirror `mirror`. */
export async function startCentral(
  run: BenchRun,
  mirror = 'bench_mirror',
  source = 'bench_rows',
): Promise<RunningApp> {
  return startCentralWith(run, datasetsFile({ [mirror]: source }));
}

/** Central with this datasets file. */
export async function startCentralWith(
  { servers, cleanup }: Pick<BenchRun, 'servers' | 'cleanup'>,
  datasets: string,
  variables: Record<string, string> = {},
): Promise<RunningApp> {
  const file = servers.path('datasets.yaml');
  writeFileSync(file, datasets);
  const app = await startApp('central', {
    CENTRAL_DATABASE_URL: servers.central.url,
    // A few devices of the bench call as a whole fleet does.
    CENTRAL_RATE_LIMIT_DEVICE: '1000000000',
    CENTRAL_RATE_LIMIT_OPERATOR: '1000000000',
    CENTRAL_RATE_LIMIT_ADDRESS: '1000000000',
    CENTRAL_DATASETS_FILE: file,
    CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
    ...likeInProduction,
    ...variables,
  });
  return running(app, cleanup);
}

/** The edge, which syncs when it is told to. */
export async function startEdge(
  { servers, cleanup }: BenchRun,
  centralUrl: string,
  variables: Record<string, string> = {},
): Promise<RunningApp> {
  const app = await startApp('edge', {
    EDGE_DATABASE_URL: servers.edge.url,
    EDGE_CENTRAL_URL: centralUrl,
    EDGE_MAC_ADDRESS: edgeMacAddress,
    EDGE_SPOOL_FILE: servers.path('edge.spool'),
    EDGE_SYNC_SCHEDULE: '1d',
    EDGE_FIRST_SYNC_DELAY: '1h',
    ...likeInProduction,
    ...variables,
  });
  return running(app, cleanup);
}

function running(app: AppProcess, cleanup: BenchRun['cleanup']): RunningApp {
  const stop = cleanup.add(() => app.stop());
  return {
    url: app.url,
    pid: app.pid,
    stop,
    get peakRssMiB() {
      return app.peakRssMiB;
    },
  };
}

/** @throws unless the sync ends with one of these results */
export async function syncNow(edge: RunningApp, ...expected: string[]): Promise<SyncAnswer> {
  const response = await fetch(`${edge.url}/api/sync/now`, { method: 'POST' });
  const answer = (await response.json()) as SyncAnswer;
  if (expected.includes(answer.status)) return answer;
  throw new Error(`The sync was to end as ${expected.join(' or ')}: ${JSON.stringify(answer)}`);
}

/** Tables of the stored source data, and of who has it. */
const STORED = /chunk|snapshot|patch|manifest|acknowledgement/;

/** Central has to read and store all rows again. One of them changes, so that nothing it remembers is right either. */
export async function forgetSnapshots({ central }: BenchServers, source = 'bench_rows'): Promise<void> {
  await truncate(central.pool, (name) => STORED.test(name));
  await central.pool.query(`UPDATE ${source} SET amount = amount + 1 WHERE id = 1`);
}

/** The edge is as if it had never synced. */
export async function forgetMirror({ edge }: BenchServers, mirror = 'bench_mirror'): Promise<void> {
  await edge.pool.query(`DROP TABLE IF EXISTS ${mirror}`);
  await truncate(edge.pool, (name) => name !== 'migrations');
}

async function truncate(
  pool: BenchServers['central']['pool'],
  choose: (name: string) => boolean,
): Promise<void> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'rivulet'`,
  );
  const tables = rows.filter(({ name }) => choose(name)).map(({ name }) => `rivulet.${name}`);
  if (tables.length > 0) await pool.query(`TRUNCATE ${tables.join(', ')}`);
}
