import { createApp, createLogger, loadEnvironment } from '@rivulet/platform';
import type { Acknowledgement } from '@rivulet/protocol';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { CentralModule } from '../../apps/central/src/central.module';
import { WrittenFile } from '../../apps/central/test/central-services';
import {
  contractDataset,
  contractDevice,
  describeHub,
  type HubSubject,
} from '../../apps/edge/test/hub-contract';
import { MacAuthentication } from '../../apps/edge/src/hub/call-authentication';
import { HttpHub } from '../../apps/edge/src/hub/http-hub';

const datasets = `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address = '${contractDevice}'" }
datasets:
  - { name: names, key: [id], query: "SELECT id, label FROM names" }
`;

async function createSource({ pool }: TestDatabase): Promise<void> {
  await pool.query('CREATE TABLE names (id bigint PRIMARY KEY, label text)');
  await pool.query('INSERT INTO names SELECT * FROM unnest($1::bigint[], $2::text[])', [
    contractDataset.rows.map(([id]) => id),
    contractDataset.rows.map(([, label]) => label),
  ]);
}

async function acknowledged({ pool }: TestDatabase): Promise<Acknowledgement[]> {
  const { rows } = await pool.query<{ report: Acknowledgement; finishedAt: Date }>(`
    SELECT json_build_object('manifestId', manifest_id, 'status', status, 'cycleId', cycle_id,
             'durationMs', duration_ms, 'tables', tables) AS report, finished_at AS "finishedAt"
    FROM rivulet.sync_acknowledgements, generate_series(1, times_received)`);
  return rows.map(({ report, finishedAt }) => ({ ...report, finishedAt: finishedAt.toISOString() }));
}

/** The edge's hub, and central as it runs in production, on a database of its own. */
async function start(): Promise<HubSubject> {
  const database = await createTestDatabase();
  await createSource(database);
  const file = new WrittenFile(datasets);
  const { environment } = loadEnvironment(CentralModule.environment, {
    CENTRAL_DEVICE_AUTH: 'mac',
    CENTRAL_DATABASE_URL: database.url,
    CENTRAL_AGENT_PORT: '0',
    CENTRAL_DATASETS_FILE: file.path,
  });
  const app = await createApp({
    module: CentralModule.forRoot(environment, { url: database.url, isEmbedded: false }),
    logger: createLogger({ app: 'central', level: 'silent' }),
    openApi: { title: 'Rivulet central', description: 'For a test.' },
  });
  await app.listen(0, '127.0.0.1');
  const timeouts = { requestTimeoutMs: 10_000, idleTimeoutMs: 10_000 };
  return {
    hub: new HttpHub({
      centralUrl: await app.getUrl(),
      authentication: new MacAuthentication(contractDevice),
      ...timeouts,
    }),
    acknowledged: () => acknowledged(database),
    stop: async () => {
      await app.close();
      file.remove();
      await database.drop();
    },
  };
}

describeHub('over HTTP to the real central', start);
