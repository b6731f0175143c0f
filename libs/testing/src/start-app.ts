import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppProcess, AppStartFailure } from '@rivulet/app-process';

type AppName = 'central' | 'edge' | 'worker';

/**
 * Starts a built app as a process of its own, as in production, on a free port; waits until it listens.
 *
 * @throws with its output when it does not
 */
export async function startApp(name: AppName, environment: Record<string, string>): Promise<AppProcess> {
  const app = spawnApp(name, environment);
  try {
    await app.listening;
    return app;
  } catch (error) {
    if (!(error instanceof AppStartFailure)) throw error;
    throw new Error(`${name} did not start:\n${app.log}`, { cause: error });
  }
}

/** The same without waiting: for starts that are to fail. */
export function spawnApp(name: AppName, environment: Record<string, string>): AppProcess {
  const prefix = name.toUpperCase();
  const app = new AppProcess({
    program: join('dist', 'apps', name, 'src', 'main.js'),
    environment: {
      PATH: process.env['PATH'],
      // Node's own default folder for what it has compiled: 0.3 s of processor time a start.
      NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
      [`${prefix}_HOST`]: '127.0.0.1',
      [`${prefix}_PORT`]: '0',
      ...(name === 'central' && { CENTRAL_AGENT_PORT: '0' }),
      // Tests of cycles have no others than their own.
      ...(name === 'edge' && { EDGE_LIVE: 'false' }),
      [`${prefix}_LOG_FORMAT`]: 'json',
      // Most tests need a device and not its key; those of enrolment say otherwise.
      ...(name !== 'worker' && { [`${prefix}_DEVICE_AUTH`]: 'mac' }),
      ...environment,
    },
  });
  // One that a failed test has left does not keep the worker of the test run from ending.
  app.unref();
  return app;
}
