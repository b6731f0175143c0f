import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { escapeIdentifier } from 'pg';
import { createTemplate, createTestDatabase, startApp, type TestDatabase } from '@rivulet/testing';
import { ADMIN_PASSWORD } from '../clients/operator';
import type { RunningApp } from './running-app';

/** The device of the demo data. */
export const DEMO_MAC = '48:b0:2d:e9:c3:b7';

/** How each app is started with its environment. */
export interface Starters {
  central: (variables: Record<string, string>) => Promise<RunningApp>;
  edge: (variables: Record<string, string>) => Promise<RunningApp>;
}

const processes: Starters = {
  central: (variables) => startApp('central', variables),
  edge: (variables) => startApp('edge', variables),
};

export interface PairOptions {
  central?: Record<string, string>;
  edge?: Record<string, string>;
  /** Processes of their own unless given: those of ./pair-in-process run in this one. */
  starters?: Partial<Starters>;
  /** Where the edge looks for central; its own address unless given. */
  centralUrl?: (central: string) => Promise<string> | string;
  /** Their servers, when they are not that of the test run. */
  servers?: { central: string; edge: string };
  /** What the apps are told instead of the addresses of their databases. */
  databaseUrls?: { central?: (url: string) => string; edge?: (url: string) => string };
  /** Before central starts. */
  prepare?: (centralDb: TestDatabase) => Promise<unknown>;
  /** Before the edge starts. */
  prepareEdge?: (edgeDb: TestDatabase) => Promise<unknown>;
}

export interface SyncAnswer {
  cycleId: string;
  status: 'applied' | 'current' | 'failed';
  manifestId: string | null;
  sequence: number | null;
  wireBytes: number;
  acknowledged: boolean;
  tables: { name: string; action: string; rows: number; bytes: number; checksum: string }[];
  error?: { code: string; message: string; nextStep: string };
}

/** A central with the demo data, and an edge, each with a database. */
export class SyncPair {
  private constructor(
    readonly centralDb: TestDatabase,
    readonly edgeDb: TestDatabase,
    private readonly directory: string,
    private readonly options: PairOptions,
    public central: RunningApp,
    public edge: RunningApp,
  ) {}

  static async start(options: PairOptions = {}): Promise<SyncPair> {
    const [centralDb, edgeDb] = await Promise.all([
      createCentralDatabase(options),
      createTestDatabase(undefined, options.servers?.edge),
    ]);
    await findSourceFirst(centralDb);
    await options.prepare?.(centralDb);
    await options.prepareEdge?.(edgeDb);
    const directory = mkdtempSync(join(tmpdir(), 'rivulet-pair-'));
    const central = await startCentral(centralDb, options);
    const pair = new SyncPair(centralDb, edgeDb, directory, options, central, central);
    try {
      pair.edge = await pair.startEdge();
    } catch (error) {
      await pair.stop();
      throw error;
    }
    return pair;
  }

  /** Starts an edge on the edge's database: again, or a second one. It syncs only when told to. */
  async startEdge(environment: Record<string, string> = {}): Promise<RunningApp> {
    const centralUrl = (await this.options.centralUrl?.(this.central.url)) ?? this.central.url;
    const variables = {
      EDGE_DATABASE_URL: this.options.databaseUrls?.edge?.(this.edgeDb.url) ?? this.edgeDb.url,
      EDGE_CENTRAL_URL: centralUrl,
      EDGE_MAC_ADDRESS: DEMO_MAC,
      EDGE_SPOOL_FILE: join(this.directory, 'edge.spool'),
      EDGE_FIRST_SYNC_DELAY: '1h',
      EDGE_SYNC_SCHEDULE: '1h',
      ...this.options.edge,
      ...environment,
    };
    return { ...processes, ...this.options.starters }.edge(variables);
  }

  async syncNow(edge = this.edge): Promise<SyncAnswer> {
    const response = await fetch(`${edge.url}/api/sync/now`, { method: 'POST' });
    return (await response.json()) as SyncAnswer;
  }

  /** Every row of a table on the edge as text, in the order of its first columns. */
  async edgeRows(query: string): Promise<string[]> {
    return textRows(this.edgeDb, query);
  }

  async centralRows(query: string): Promise<string[]> {
    return textRows(this.centralDb, query);
  }

  async stop(): Promise<void> {
    await this.edge.stop();
    await this.central.stop();
    await Promise.all([this.centralDb.drop(), this.edgeDb.drop()]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export async function startCentral(
  database: Pick<TestDatabase, 'url'>,
  options: PairOptions = {},
): Promise<RunningApp> {
  return { ...processes, ...options.starters }.central({
    CENTRAL_DATABASE_URL: options.databaseUrls?.central?.(database.url) ?? database.url,
    CENTRAL_DEMO_DATA: 'true',
    CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
    ...options.central,
  });
}

/** One that a central has filled, as most of the time of a first start is PostgreSQL's; empty where a test fills it. */
async function createCentralDatabase({ prepare, servers, central }: PairOptions): Promise<TestDatabase> {
  const isFilled =
    prepare === undefined && servers === undefined && central?.['CENTRAL_DEMO_DATA'] !== 'false';
  if (!isFilled) return createTestDatabase(undefined, servers?.central);
  const template = await createTemplate('central_of_pair', async (url) => {
    const app = await startCentral({ url });
    await app.stop();
  });
  return createTestDatabase(template);
}

/** As `npm start` has it: `users` is the source's table, also for a role that is named as central's schema is. */
async function findSourceFirst({ url, pool }: TestDatabase): Promise<void> {
  const setting = 'SET search_path = public, rivulet';
  // The connection that is open keeps what it began with.
  await pool.query(
    `ALTER DATABASE ${escapeIdentifier(new URL(url).pathname.slice(1))} ${setting}; ${setting}`,
  );
}

async function textRows(database: TestDatabase, query: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ line: string }>(`SELECT q::text AS line FROM (${query}) AS q`);
  return rows.map((row) => row.line);
}

/** Waits until a condition holds; fails with the description after half a minute. */
export async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`It did not come to this: ${what}`);
}
