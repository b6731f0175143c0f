import { createLogger, loadEnvironment, runApp } from '@rivulet/platform';
import { resolveAppDatabase } from '@rivulet/postgres';
import { EdgeEnv } from './edge-env';
import { EdgeModule } from './edge.module';
import { findMacAddress } from './identity/mac-address';

void runApp('edge', async () => {
  const { environment, unknownVariables } = loadEnvironment([EdgeEnv]);
  const env = environment.section(EdgeEnv);
  const logger = createLogger({ app: 'edge', level: env.logLevel, format: env.logFormat });
  const macAddress = findMacAddress(env.macAddress, env.networkInterface);
  const database = await resolveAppDatabase({
    url: env.databaseUrl,
    urlVariable: 'EDGE_DATABASE_URL',
    name: 'edge',
    port: 54_081,
    loadEmbedded: () => import('../../../libs/embedded-postgres/src/index.js'),
  });
  return {
    module: EdgeModule.forRoot(env, database.url, macAddress),
    logger,
    unknownVariables,
    openApi: {
      title: 'Rivulet edge',
      description: 'Keeps the mirrors of this device equal to what central says it may have.',
    },
    host: env.host,
    hostVariable: 'EDGE_HOST',
    port: env.port,
    portVariable: 'EDGE_PORT',
    shutdownTimeoutMs: env.shutdownTimeoutMs,
    databaseUrl: database.url,
    onStopped: () => database.stop(),
    onListening: () => {
      logger.warn(
        `This device says that it is ${macAddress}, and central believes it. This is for trials only.`,
      );
    },
  };
});
