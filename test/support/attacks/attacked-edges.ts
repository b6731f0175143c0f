import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, MaliciousProxy, type ProxiedAnswer, type TestDatabase } from '@rivulet/testing';
import { CentralInProcess } from '../apps/central-in-process';
import { startEdgeInProcess } from '../apps/edge-in-process';
import type { RunningApp } from '../apps/running-app';
import { DEMO_MAC } from '../apps/sync-pair';

export const routes = {
  request: /^POST \/api\/device-sync\/request$/,
  payload: /^GET \/api\/device-sync\/manifests\/.*\/payload/,
  report: /^POST \/api\/device-sync\/acknowledgements$/,
  token: /^POST \/api\/device-auth\/token$/,
};

/** Sync results, as the edge's API has them. */
export interface Synced {
  status: string;
  acknowledged: boolean;
  error?: { code: string };
}

export interface EdgeStatus {
  freshness: { state: string; ageSeconds?: number; problem?: string };
  refusedAnswers: { total: number; last?: { code: string } };
}

/** Two enrolled edges of a real central, with a malicious proxy between. */
export class AttackedEdges {
  private constructor(
    readonly central: CentralInProcess,
    readonly proxy: MaliciousProxy,
    readonly first: RunningApp,
    readonly other: RunningApp,
    private readonly databases: TestDatabase[],
    private readonly directory: string,
  ) {}

  static async start(): Promise<AttackedEdges> {
    const central = await CentralInProcess.start();
    const proxy = await MaliciousProxy.start(central.url);
    const directory = mkdtempSync(join(tmpdir(), 'rivulet-attacked-'));
    const databases = [await createTestDatabase(), await createTestDatabase()];
    const { rows } = await central.database.pool.query<{ mac: string }>(
      'SELECT mac_address AS mac FROM public.devices WHERE mac_address <> $1 AND is_active LIMIT 1',
      [DEMO_MAC],
    );
    const start = async (macAddress: string, index: number): Promise<RunningApp> => {
      const order = { macAddress };
      const [, { token }] = await central.call<{ token: string }>('POST', '/api/enrolment-tokens', order);
      return startEdgeInProcess(
        {
          EDGE_DATABASE_URL: databases[index]!.url,
          EDGE_CENTRAL_URL: proxy.url,
          EDGE_MAC_ADDRESS: macAddress,
          EDGE_DEVICE_AUTH: 'key',
          EDGE_ENROLMENT_TOKEN: token,
          EDGE_IDENTITY_DIRECTORY: join(directory, `identity-${index}`),
          EDGE_SPOOL_FILE: join(directory, `${index}.spool`),
          EDGE_SYNC_SCHEDULE: '1h',
          EDGE_FIRST_SYNC_DELAY: '1h',
          EDGE_STALE_AFTER: '10m',
        },
        {
          retries: 0,
          minDelayMs: 1,
          maxDelayMs: 2,
          pace: { graceMs: 100, bytesPerSecond: 60 },
        },
      );
    };
    const first = await start(DEMO_MAC, 0);
    const other = await start(rows[0]!.mac, 1);
    return new AttackedEdges(central, proxy, first, other, databases, directory);
  }

  async sync(edge = this.first): Promise<Synced> {
    return (await (await fetch(`${edge.url}/api/sync/now`, { method: 'POST' })).json()) as Synced;
  }

  async status(): Promise<EdgeStatus> {
    return (await (await fetch(`${this.first.url}/api/sync/status`)).json()) as EdgeStatus;
  }

  async health(): Promise<{ status: string; details: { lastSync: { stale: boolean } } }> {
    return (await (await fetch(`${this.first.url}/health`)).json()) as never;
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.first.url}/metrics`)).text();
  }

  /** What the edge's own log of cycles says of the last one. */
  async logged(): Promise<string | undefined> {
    const answer = await fetch(`${this.first.url}/api/sync/history?limit=1`);
    const [latest] = (await answer.json()) as Synced[];
    return latest!.error?.code;
  }

  /** Whether central has a report on a manifest. */
  async reported(manifestId: string): Promise<boolean> {
    const { rows } = await this.central.database.pool.query(
      'SELECT FROM rivulet.sync_acknowledgements WHERE manifest_id = $1',
      [manifestId],
    );
    return rows.length > 0;
  }

  /** All that the first edge has, but for its log: every row of every mirror, and the state of the sync. */
  async mirrors(): Promise<unknown> {
    const { pool } = this.databases[0]!;
    const { rows: tables } = await pool.query<{ name: string }>(
      `SELECT format('%I.%I', schema_name, table_name) AS name FROM rivulet.edge_sync_tables ORDER BY 1`,
    );
    const texts = tables.map(
      ({ name }) => `(SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM ${name} t)`,
    );
    const { rows } = await pool.query<Record<string, unknown>>(
      `SELECT (SELECT json_agg(s) FROM rivulet.edge_sync_state s) AS state,
         (SELECT json_agg(t ORDER BY name) FROM rivulet.edge_sync_tables t) AS tables, ARRAY[${texts.join(', ')}] AS rows`,
    );
    return rows;
  }

  /** Makes central have news for the first edge. */
  async change(mark: string): Promise<void> {
    await this.central.database.pool.query(`UPDATE public.users SET full_name = full_name || $1`, [mark]);
  }

  async stop(): Promise<void> {
    await this.first.stop();
    await this.other.stop();
    await this.proxy.stop();
    await this.central.stop();
    for (const database of this.databases) await database.drop();
    rmSync(this.directory, { recursive: true });
  }
}

export function json(body: unknown, status = 200): ProxiedAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)) };
}

/** The answer with another body. */
export function changed(
  answer: ProxiedAnswer,
  change: (body: Record<string, unknown>) => unknown,
): ProxiedAnswer {
  return json(change(JSON.parse(answer.body.toString()) as Record<string, unknown>), answer.status);
}
