import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { onParentDeath, sendToParent } from '@rivulet/app-process';
import { RivuletError } from '@rivulet/errors';
import type { AppLogger } from '../logging/logger';
import { redactSecrets } from '../logging/redaction';
import type { UnknownVariable } from '../environment/load-environment';
import { Registry } from 'prom-client';
import { keepTlsCurrent } from '../tls/keep-tls-current';
import { manageConnections, type ConnectionLimits } from './connections';
import { createApp, type AppOptions } from './create-app';
import { exitProcess } from './exit-process';
import { stopApp, type RunningApp } from './shutdown';
import { reportStartFailure } from './start-failure';

const RELEASE_TIMEOUT_MS = 5_000;

export interface RunOptions extends AppOptions, ConnectionLimits {
  port: number;
  host: string;
  /** The variables that the user would change, for messages. */
  portVariable: string;
  hostVariable?: string;
  shutdownTimeoutMs: number;
  shutdownGraceMs?: number;
  unknownVariables?: UnknownVariable[];
  /** Told to the parent process, which shows it to the user. */
  databaseUrl?: string;
  /** Called last, when nothing uses the database any more; also after a start that failed. */
  onStopped?: () => Promise<void>;
  /** Told to the parent process, too. */
  listeningDetails?: (app: NestFastifyApplication) => { agentPort?: number };
  onListening?: (app: NestFastifyApplication, url: string) => void | Promise<void>;
}

/**
 * The whole life of a process: from the environment to the exit code. Options come from a function, so that a wrong
 * environment is reported in the same way as everything else that stops a start.
 */
export async function runApp(name: string, configure: () => RunOptions | Promise<RunOptions>): Promise<void> {
  let options: RunOptions | undefined;
  let running: RunningApp | undefined;
  let ending = false;

  /** The one way out, taken once: signals that repeat, or that arrive during a failed start, change nothing. */
  const end = async (work: () => Promise<number>): Promise<void> => {
    if (ending) return;
    ending = true;
    const exitCode = await work();
    await releaseResources(options);
    await exitProcess(exitCode);
  };
  const stop = (reason: string): void => {
    void end(async () => {
      if (!running || !options) return 0;
      options.logger.info(`Stopping: ${reason}`);
      return stopApp(running, {
        graceMs: options.shutdownGraceMs ?? 0,
        timeoutMs: options.shutdownTimeoutMs,
      });
    });
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  onParentDeath(() => stop('the parent process is gone'));

  process.on('uncaughtException', (error, origin) => exitOnUnexpectedError(error, origin, options?.logger));

  try {
    options = await configure();
    const app = await createApp(options);
    running = { app, connections: manageConnections(app, options), logger: options.logger };
    if (options.tls) keepTlsCurrent(options.tls, options.logger, app.get(Registry));
    await start(name, app, options);
  } catch (error) {
    await end(async () => {
      await reportStartFailure(error, name);
      // Parts that are torn down now may complain, and the user has been told what matters.
      if (options) options.logger.level = 'silent';
      if (running) await stopApp(running, { graceMs: 0, timeoutMs: RELEASE_TIMEOUT_MS });
      return 1;
    });
  }
}

async function start(name: string, app: NestFastifyApplication, options: RunOptions): Promise<void> {
  warnOfUnknownVariables(options);
  const url = await listen(app, options);
  options.logger.info(`Listening at ${url}`);
  await options.onListening?.(app, url);
  const { databaseUrl } = options;
  await sendToParent({
    type: 'listening',
    app: name,
    url,
    ...(databaseUrl !== undefined && { databaseUrl }),
    ...options.listeningDetails?.(app),
  });
}

async function releaseResources(options: RunOptions | undefined): Promise<void> {
  const released = Promise.resolve()
    .then(() => options?.onStopped?.())
    .catch((error: unknown) => options?.logger.error({ err: error }, 'Something failed while stopping'));
  await Promise.race([released, sleep(RELEASE_TIMEOUT_MS)]);
}

async function listen(app: NestFastifyApplication, options: RunOptions): Promise<string> {
  const { port, host, portVariable } = options;
  try {
    await app.listen(port, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new RivuletError('PORT_TAKEN', `Port ${port} is taken by another process.`, {
        nextStep: `Stop that process, or set ${portVariable} to another port.`,
        cause: error,
      });
    }
    if (code === 'EACCES') {
      throw new RivuletError(
        'ENVIRONMENT_INVALID',
        `${portVariable} is ${port}, where this user may not listen.`,
      );
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      const variable = options.hostVariable ?? 'the host';
      throw new RivuletError(
        'ENVIRONMENT_INVALID',
        `${variable} is "${host}", which is no address of this machine.`,
      );
    }
    throw error;
  }
  return listeningUrl(app.getHttpServer().address() as AddressInfo, options.tls?.isOn ? 'https' : 'http');
}

/** For a person to click: an app that listens on every address is reached at localhost. */
function listeningUrl({ address, port }: AddressInfo, scheme: 'http' | 'https'): string {
  if (address === '0.0.0.0' || address === '::' || address === '127.0.0.1')
    return `${scheme}://localhost:${port}`;
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function warnOfUnknownVariables({ logger, unknownVariables = [] }: RunOptions): void {
  for (const { variable, suggestion } of unknownVariables) {
    const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
    logger.warn(`${variable} is set, but there is no such variable${hint}`);
  }
}

/** After an error that nobody expected the state of the process is unknown, and only a new one is sound. */
function exitOnUnexpectedError(error: Error, origin: string, logger: AppLogger | undefined): void {
  if (logger) logger.fatal({ err: error }, `Exiting: ${origin}`);
  else process.stderr.write(redactSecrets(`Exiting: ${origin}\n${String(error.stack ?? error)}\n`));
  process.exit(1);
}
