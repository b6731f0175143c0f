import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, createLogger, loadEnvironment } from '@rivulet/platform';
import { createTestDatabase } from '@rivulet/testing';
import { CentralModule } from '../../../apps/central/src/central.module';
import { EdgeModule } from '../../../apps/edge/src/edge.module';
import { ADMIN_PASSWORD } from '../clients/operator';
import { DEMO_MAC } from './sync-pair';

export interface AppInProcess {
  app: NestFastifyApplication;
  stop(): Promise<void>;
}

/** A whole app in this process, on a database of its own, with the demo data. It is ready, and does not listen. */
export async function startAppInProcess(
  name: 'central' | 'edge',
  variables: Record<string, string> = {},
  onLogLine?: (line: string) => void,
  loginAs: (url: string) => string = (url) => url,
): Promise<AppInProcess> {
  const database = await createTestDatabase();
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-app-'));
  const destination = onLogLine && { write: onLogLine };
  const app = await createApp({
    module: moduleOf(name, loginAs(database.url), directory, variables),
    logger: createLogger({
      app: name,
      format: 'json',
      level: onLogLine ? 'debug' : 'silent',
      ...(destination && { destination }),
    }),
    openApi: { title: name, description: 'For a test.' },
  });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return {
    app,
    stop: async () => {
      await app.close();
      await database.drop();
      rmSync(directory, { recursive: true });
    },
  };
}

function moduleOf(name: string, url: string, directory: string, variables: Record<string, string>) {
  if (name === 'central') {
    const { environment } = loadEnvironment(CentralModule.environment, {
      CENTRAL_DEVICE_AUTH: 'mac',
      CENTRAL_DEMO_DATA: 'true',
      CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
      CENTRAL_AGENT_PORT: '0',
      ...variables,
    });
    return CentralModule.forRoot(environment, { url, isEmbedded: false });
  }
  const { environment } = loadEnvironment(EdgeModule.environment, {
    EDGE_DEVICE_AUTH: 'mac',
    EDGE_LIVE: 'false',
    EDGE_CENTRAL_URL: 'http://127.0.0.1:9',
    EDGE_MAC_ADDRESS: DEMO_MAC,
    EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
    EDGE_SYNC_SCHEDULE: '1d',
    EDGE_FIRST_SYNC_DELAY: '1h',
    ...variables,
  });
  return EdgeModule.forRoot(environment, url);
}
