import '@rivulet/node-version';
import { growYoungGeneration, limitGarbage } from '@rivulet/small-heap';
import { createLogger, loadEnvironment, runApp } from '@rivulet/platform';
import { ConfigurationEnv } from './configuration/configuration.env';
import { WorkerServerEnv } from './worker-env';
import { WorkerModule } from './worker.module';

const LOOPBACK = '127.0.0.1';

limitGarbage();

void runApp('worker', () => {
  const { environment, unknownVariables } = loadEnvironment(WorkerModule.environment);
  const env = environment.section(WorkerServerEnv);
  const { internalKey } = environment.section(ConfigurationEnv);
  const logger = createLogger({ app: 'worker', level: env.logLevel, format: env.logFormat });
  const host = internalKey === undefined ? LOOPBACK : env.host;
  return {
    module: WorkerModule.forRoot(environment),
    logger,
    unknownVariables,
    openApi: {
      title: 'Rivulet worker',
      description: 'Runs the HTTP task of the configuration that an agent on its host gives it.',
    },
    host,
    hostVariable: 'WORKER_HOST',
    port: env.port,
    portVariable: 'WORKER_PORT',
    shutdownTimeoutMs: env.shutdownTimeoutMs,
    onListening: () => {
      growYoungGeneration();
      if (internalKey !== undefined) return;
      const instead = env.host === LOOPBACK ? '' : ` WORKER_HOST (${env.host}) does not count.`;
      logger.warn(
        `WORKER_INTERNAL_KEY is not set: this worker listens on loopback only, and takes a configuration from any program of this machine.${instead}`,
      );
    },
  };
});
