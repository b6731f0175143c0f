import { serverEnvironment } from '@rivulet/platform';

/** Where the worker listens, how it logs, and how long it may take to stop. */
export const WorkerServerEnv = serverEnvironment('WORKER', { host: '127.0.0.1', port: 8082 });
