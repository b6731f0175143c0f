import '@rivulet/node-version';
import { growYoungGeneration, limitGarbage } from '@rivulet/small-heap';
import { createLogger, loadEnvironment, runApp } from '@rivulet/platform';
import { resolveAppDatabase } from '@rivulet/postgres';
import { CentralDatabaseEnv, CentralServerEnv } from './central.env';
import { CentralModule } from './central.module';
import { TcpListener } from './live/tcp/tcp-listener';
import { httpOptions, resolveTls } from './http-options';
import { DevicesEnv } from './devices/devices.env';

limitGarbage();

void runApp('central', async () => {
  const { environment, unknownVariables } = loadEnvironment(CentralModule.environment);
  const { host, port, shutdownTimeoutMs, logLevel, logFormat } = environment.section(CentralServerEnv);
  const logger = createLogger({ app: 'central', level: logLevel, format: logFormat });
  const secured = resolveTls(environment);
  const database = await resolveAppDatabase({
    url: environment.section(CentralDatabaseEnv).databaseUrl,
    urlVariable: 'CENTRAL_DATABASE_URL',
    name: 'central',
    port: 54_080,
    loadEmbedded: () => import('../../../libs/embedded-postgres/src/index.js'),
  });
  return {
    module: CentralModule.forRoot(environment, database, secured),
    logger,
    unknownVariables,
    openApi: {
      title: 'Rivulet central',
      description:
        'Resolves what each device may have, and serves it as signed manifests and compressed frames.',
    },
    host,
    hostVariable: 'CENTRAL_HOST',
    port,
    portVariable: 'CENTRAL_PORT',
    shutdownTimeoutMs,
    ...httpOptions(environment, secured),
    databaseUrl: database.url,
    onStopped: () => database.stop(),
    listeningDetails: (app) => ({ agentPort: app.get(TcpListener).port }),
    onListening: () => {
      growYoungGeneration();
      if (environment.section(DevicesEnv).auth !== 'mac') return;
      logger.warn(
        "CENTRAL_DEVICE_AUTH is mac: central does not verify the MAC address that a device sends: anyone who knows it can read that device's rows. " +
          'This is for trials, not for production.',
      );
    },
  };
});
