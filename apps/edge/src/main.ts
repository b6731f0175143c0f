import '@rivulet/node-version';
import { growYoungGeneration, limitGarbage } from '@rivulet/small-heap';
import { createLogger, loadEnvironment, runApp } from '@rivulet/platform';
import { resolveAppDatabase, type AppDatabase } from '@rivulet/postgres';
import { EdgeEnv } from './edge-env';
import { EdgeModule } from './edge.module';
import { FeaturesEnv } from './features/features.env';
import { IdentityEnv } from './identity/identity.env';
import { findMacAddress, MAC_ADDRESS } from './identity/mac-address';

limitGarbage();

void runApp('edge', async () => {
  const { environment, unknownVariables } = loadEnvironment(EdgeModule.environment);
  const env = environment.section(EdgeEnv);
  const identity = environment.section(IdentityEnv);
  // Before a database is touched, which may not be that of an edge at all.
  findMacAddress(identity.macAddress, identity.networkInterface);
  const logger = createLogger({ app: 'edge', level: env.logLevel, format: env.logFormat });
  const { needsDatabase } = environment.section(FeaturesEnv);
  const database = needsDatabase ? await edgeDatabase(env.databaseUrl) : undefined;
  return {
    module: EdgeModule.forRoot(environment, database?.url),
    logger,
    unknownVariables,
    openApi: {
      title: 'Rivulet edge',
      description: 'Keeps the mirrors of this device equal to the rows that central allows it.',
    },
    host: env.host,
    hostVariable: 'EDGE_HOST',
    port: env.port,
    portVariable: 'EDGE_PORT',
    shutdownTimeoutMs: env.shutdownTimeoutMs,
    ...(database && { databaseUrl: database.url, onStopped: () => database.stop() }),
    onListening: (app) => {
      growYoungGeneration();
      if (identity.auth !== 'mac') return;
      const macAddress = app.get<string>(MAC_ADDRESS, { strict: false });
      logger.warn(
        `Central does not verify the MAC address ${macAddress} that this device sends. For trials only.`,
      );
    },
  };
});

function edgeDatabase(url: string | undefined): Promise<AppDatabase> {
  return resolveAppDatabase({
    url,
    urlVariable: 'EDGE_DATABASE_URL',
    name: 'edge',
    port: 54_081,
    loadEmbedded: () => import('../../../libs/embedded-postgres/src/index.js'),
  });
}
