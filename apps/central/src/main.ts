import { createLogger, loadEnvironment, runApp } from '@rivulet/platform';
import { resolveAppDatabase } from '@rivulet/postgres';
import { CentralEnv } from './central-env';
import { CentralModule } from './central.module';
import { resolveSource } from './source-database/resolve-source';

void runApp('central', async () => {
  const { environment, unknownVariables } = loadEnvironment([CentralEnv]);
  const env = environment.section(CentralEnv);
  const logger = createLogger({ app: 'central', level: env.logLevel, format: env.logFormat });
  const database = await resolveAppDatabase({
    url: env.databaseUrl,
    urlVariable: 'CENTRAL_DATABASE_URL',
    name: 'central',
    port: 54_080,
    loadEmbedded: () => import('../../../libs/embedded-postgres/src/index.js'),
  });
  return {
    module: CentralModule.forRoot(env, database.url, resolveSource(env, database)),
    logger,
    unknownVariables,
    openApi: {
      title: 'Rivulet central',
      description:
        'Resolves what each device may have, and serves it as signed manifests and compressed frames.',
    },
    host: env.host,
    hostVariable: 'CENTRAL_HOST',
    port: env.port,
    portVariable: 'CENTRAL_PORT',
    shutdownTimeoutMs: env.shutdownTimeoutMs,
    databaseUrl: database.url,
    onStopped: () => database.stop(),
    onListening: () => {
      logger.warn(
        'Devices are believed the MAC address that they send. This is for trials, not for production.',
      );
    },
  };
});
