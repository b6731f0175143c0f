import type { AppProcess, ListeningMessage } from '@rivulet/app-process';
import { Progress } from '@rivulet/cli';
import { removeRuntimeFile, systemRuntimeFile, writeRuntimeFile } from '#scripts/runtime-file.mjs';
import { Failure } from '../failure';
import { awaitFirstSync } from './first-sync';
import { makeEnrolmentToken } from './enrolment';
import { becomesReady } from './health';
import { chooseOperator, settleOperator, type LocalOperator } from './local-operator';
import { describeEnd, launchApp, untilListening, type AppName } from './launch-app';
import { summarize } from './summary';
import { readSyncStatus } from './sync-status';

/** The device of the demo data that the edge plays. */
const DEMO_MAC_ADDRESS = '48:b0:2d:e9:c3:b7';
const QUIET_MS = 1_000;
/** Then an app is killed; its PostgreSQL ends with it either way. */
const STOP_DEADLINE_MS = 15_000;

interface Served {
  central: ListeningMessage;
  worker: ListeningMessage;
  edge: ListeningMessage;
  operator: LocalOperator;
  since: Date;
}

/** Central, a worker, then the edge; stopped the other way round. */
export class LocalSystem {
  /** Aborted when it is asked to stop, or, with an Failure as the reason, when an app has ended by itself. */
  private readonly over = new AbortController();
  private readonly apps: AppProcess[] = [];
  private readonly whenOver = new Promise<undefined>((resolve) => {
    this.over.signal.addEventListener('abort', () => resolve(undefined));
  });

  askToStop(): void {
    this.over.abort();
  }

  /**
   * Resolves when it has been asked to stop and has stopped.
   * @throws Failure when an app did not start or ended by itself; then the other has been stopped too
   */
  async run(): Promise<void> {
    try {
      const chosen = chooseOperator();
      const central = await this.startCentral(chosen);
      const operator = central && (await settleOperator(central, chosen));
      const since = new Date();
      const worker = operator && (await this.start('worker', workerEnvironment()));
      const edge =
        worker && (await this.start('edge', await edgeEnvironment(central.url, operator, worker.url)));
      if (edge) await this.serve({ central, worker, edge, operator, since });
    } finally {
      this.over.abort();
      await this.stopApps();
    }
    const { reason } = this.over.signal as { reason: unknown };
    if (reason instanceof Failure) throw reason;
  }

  private async startCentral(operator: LocalOperator): Promise<ListeningMessage | undefined> {
    const central = await this.start('central', centralEnvironment(operator));
    if (central === undefined || (await becomesReady(central.url, this.over.signal))) return central;
    if (this.over.signal.aborted) return undefined;
    throw new Failure(`central does not become ready; ${central.url}/health/ready says why.`);
  }

  /** Undefined when it is over before the app listens. */
  private async start(name: AppName, environment: NodeJS.ProcessEnv): Promise<ListeningMessage | undefined> {
    if (this.over.signal.aborted) return undefined;
    const progress = new Progress(`Starting ${name}`, { quietMs: QUIET_MS });
    try {
      const app = launchApp(name, environment);
      this.apps.push(app);
      const listening = await Promise.race([untilListening(name, app), this.whenOver]);
      void app.exited.then(() => this.over.abort(new Failure(describeEnd(name, app, 'has ended by itself'))));
      return listening;
    } finally {
      progress.finish();
    }
  }

  private async stopApps(): Promise<void> {
    const progress = new Progress('Stopping', { quietMs: QUIET_MS });
    for (const app of this.apps.toReversed()) await app.stop(STOP_DEADLINE_MS);
    progress.finish();
  }

  private async serve({ central, worker, edge, operator, since }: Served): Promise<void> {
    writeRuntimeFile(systemRuntimeFile, {
      centralUrl: central.url,
      agentPort: central.agentPort,
      edgeUrl: edge.url,
      workerUrl: worker.url,
      centralDatabaseUrl: central.databaseUrl,
      edgeDatabaseUrl: edge.databaseUrl,
      operatorUsername: operator.username,
      operatorPassword: operator.password,
      pid: process.pid,
    });
    try {
      const firstSync = await awaitFirstSync(edge.url, since, this.over.signal);
      const identity = (await readSyncStatus(edge.url))?.identity;
      if (!this.over.signal.aborted)
        process.stdout.write(summarize({ central, edge, worker, operator, identity, firstSync }));
      await this.whenOver;
    } finally {
      removeRuntimeFile(systemRuntimeFile);
    }
  }
}

function centralEnvironment({ username, password }: LocalOperator): NodeJS.ProcessEnv {
  return {
    NODE_ENV: 'development',
    ...process.env,
    CENTRAL_ADMIN_USERNAME: username,
    CENTRAL_ADMIN_PASSWORD: password,
    CENTRAL_LOG_FORMAT: 'json',
  };
}

/** Its task may call what else runs here. */
function workerEnvironment(): NodeJS.ProcessEnv {
  return {
    NODE_ENV: 'development',
    WORKER_ALLOWED_NETWORKS: 'loopback',
    ...process.env,
    WORKER_LOG_FORMAT: 'json',
  };
}

/** The token is for an edge that central does not know yet; any other leaves it unused. */
async function edgeEnvironment(
  centralUrl: string,
  operator: LocalOperator,
  workerUrl: string,
): Promise<NodeJS.ProcessEnv> {
  const macAddress = process.env['EDGE_MAC_ADDRESS'] ?? DEMO_MAC_ADDRESS;
  return {
    NODE_ENV: 'development',
    EDGE_MAC_ADDRESS: macAddress,
    EDGE_ENROLMENT_TOKEN: await makeEnrolmentToken(centralUrl, operator, macAddress),
    EDGE_WORKER_URLS: workerUrl,
    EDGE_COLLECT_ALLOW: 'mirrors',
    ...process.env,
    EDGE_CENTRAL_URL: centralUrl,
    EDGE_LOG_FORMAT: 'json',
  };
}
