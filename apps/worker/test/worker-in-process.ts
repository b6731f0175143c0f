import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, createLogger, loadEnvironment, manageConnections } from '@rivulet/platform';
import { WorkerModule } from '../src/worker.module';

export interface RunningWorker {
  app: NestFastifyApplication;
  url: string;
  stop(): Promise<void>;
}

/** A worker as in production, in the process of the test. */
export async function startWorker(variables: Record<string, string> = {}): Promise<RunningWorker> {
  const { environment } = loadEnvironment(WorkerModule.environment, variables);
  const app = await createApp({
    module: WorkerModule.forRoot(environment),
    logger: createLogger({ app: 'worker', level: 'silent' }),
    openApi: { title: 'Rivulet worker', description: 'For a test.' },
  });
  manageConnections(app, {});
  await app.listen(0, '127.0.0.1');
  return { app, url: (await app.getUrl()).replace('[::1]', '127.0.0.1'), stop: () => app.close() };
}

/** Something for the task to call. */
export async function startTarget(
  listener: RequestListener,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
