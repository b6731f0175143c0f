import { setTimeout as sleep } from 'node:timers/promises';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import { withClient } from '@rivulet/postgres';
import { parseCollectionTasks, type CollectionTask } from '@rivulet/protocol';
import { DEVICE_ROUTES, DeviceRoutes } from '../hub/device-routes';
import { isForLater, isOver, isRefusal } from './central-answers';
import { CollectedRows, type CollectedRun, type KeptTime } from './collected-rows';
import { CollectionDatabase } from './collection-database';
import { CollectionEnv } from './collection.env';
import type { CollectionState } from './collection-state';
import { CollectionMetrics } from './collection.metrics';
import { Clocks } from './offline/central-time';
import { OfflineRuns } from './offline/offline-runs';
import { readTask } from './read-task';
import { sendRun } from './send-run';

/** After a failed poll; doubled with each, and multiplied by a random factor from 1 to 2. */
const RETRY_MIN_MS = 5_000;
const RETRY_MAX_MS = 300_000;
/** Central learns so often how far a query is, and that the device is there. */
const PROGRESS_EVERY_MS = 15_000;

/** So that devices with one schedule do not all ask at once. */
const SPREAD_MS = 5_000;
const WAIT_MIN_MS = 200;

/** Asks central for tasks, one at a time, and sends what their queries give. */
@Injectable()
export class CollectionService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Collection');
  private readonly stopping = new AbortController();
  private readonly rows: CollectedRows;
  private readonly offline: OfflineRuns;
  private running: Promise<void> | undefined;
  private waking = new AbortController();
  private failures = 0;
  private droppedRuns = 0;
  private droppedAtMs = -Infinity;

  constructor(
    @Inject(DEVICE_ROUTES) private readonly central: DeviceRoutes,
    private readonly database: CollectionDatabase,
    private readonly env: CollectionEnv,
    private readonly metrics: CollectionMetrics,
    clocks: Clocks,
  ) {
    this.rows = new CollectedRows(env.spool, env.spoolBytes, (runId) => this.dropped(runId));
    this.offline = new OfflineRuns(
      env.spool,
      central,
      this.rows,
      (task, signal, kept) => this.readRows(task, signal, () => undefined, kept),
      metrics,
      clocks,
    );
  }

  get isAllowed(): boolean {
    return this.env.allow.length > 0;
  }

  async state(): Promise<CollectionState> {
    const { droppedRuns, droppedAtMs } = this;
    // No directory: nothing was collected yet.
    const waiting = await this.rows.runIds().catch(() => []);
    return {
      waitingRuns: waiting.length,
      scheduledJobs: this.offline.jobs,
      droppedRuns,
      droppedAgoMs: performance.now() - droppedAtMs,
    };
  }

  /** A device that allows nothing does not ask. */
  onApplicationBootstrap(): void {
    if (this.isAllowed) this.running = this.poll();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Central says that it has a task: it is asked now, instead of at the next poll. */
  askNow(): void {
    this.waking.abort();
  }

  private async poll(): Promise<void> {
    const { signal } = this.stopping;
    let isOpen = false;
    while (!signal.aborted) {
      this.waking = new AbortController();
      try {
        if (!isOpen) await this.open();
        isOpen = true;
        const waitMs = await this.once(signal);
        this.failures = 0;
        // At a time of the schedule, to notice if central is away.
        const untilNextMs = this.offline.nextInMs() + Math.random() * SPREAD_MS;
        await this.pause(Math.min(waitMs, untilNextMs), AbortSignal.any([signal, this.waking.signal]));
      } catch (error) {
        await this.waitAfter(error, isOpen, signal);
      }
    }
  }

  /** Takes up what an earlier process has left. */
  async open(): Promise<void> {
    await this.rows.open();
    await this.offline.open();
  }

  /** Not cut short by a nudge: central has said how long to wait, or cannot be reached. Its schedule goes on. */
  private async waitAfter(error: unknown, isOpen: boolean, signal: AbortSignal): Promise<void> {
    const untilMs = performance.now() + this.afterFailure(error);
    const isAway = isOpen && !isRefusal(error);
    while (!signal.aborted) {
      if (isAway) await this.readDue(signal);
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) return;
      const nextMs = isAway ? Math.max(WAIT_MIN_MS, this.offline.nextInMs()) : Infinity;
      await this.pause(Math.min(leftMs, nextMs), signal);
    }
  }

  /** Central is away: what it would ask for now is read, and kept. */
  async readDue(signal: AbortSignal): Promise<void> {
    await this.offline.readDue(signal).catch((error: unknown) => {
      const { code, message } = namedError(error);
      if (!signal.aborted) this.logger.warn({ code }, `Scheduled runs were not kept: ${message}`);
    });
  }

  private async pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }

  /** Sends what is kept, then does the tasks that central has. @returns when to ask again, in ms */
  async once(signal: AbortSignal): Promise<number> {
    for (const runId of await this.rows.runIds()) {
      const kept = await this.rows.find(runId);
      if (kept !== undefined) await this.sendKept(kept, signal);
    }
    const answer = parseCollectionTasks(
      await this.central.post('collection/tasks', { schedule: this.offline.digest }, signal),
    );
    await this.offline.heard(answer, signal);
    for (const task of answer.tasks) await this.collect(task, signal);
    return answer.pollAfterSeconds * 1_000 * (0.75 + Math.random() / 2);
  }

  /** One that central does not take holds up no other. */
  private async sendKept(kept: CollectedRun, signal: AbortSignal): Promise<void> {
    try {
      await this.send(kept, signal);
    } catch (error) {
      const { code, message } = namedError(error);
      if (signal.aborted || isForLater(error)) throw error;
      this.logger.warn({ runId: kept.runId, code }, `Rows that were kept were not sent: ${message}`);
    }
  }

  private async collect(task: CollectionTask, signal: AbortSignal): Promise<void> {
    try {
      const kept = await this.offline.find(task);
      if (kept !== undefined) await this.sendKept(kept, signal);
      else await this.send(await this.read(task, signal), signal);
    } catch (error) {
      const { code, message } = namedError(error);
      // Central cannot be told now, and has the task done again; what is on disk is sent then.
      if (signal.aborted || code === 'CENTRAL_UNREACHABLE') throw error;
      this.metrics.runs.inc({ result: code });
      this.logger.warn(
        { runId: task.runId, code },
        `The rows of schema ${task.name} were not collected: ${message}`,
      );
      await this.rows.remove(task.runId);
      const report = { code, message: message.slice(0, 2_000) };
      await this.central
        .post(`collection/runs/${task.runId}/failure`, report, signal)
        .catch((failure: unknown) => {
          if (!isOver(failure)) throw failure;
        });
    }
  }

  private async read(task: CollectionTask, signal: AbortSignal): Promise<CollectedRun> {
    let saidAtMs = performance.now();
    const progress = { rows: 0, bytes: 0 };
    const renewing = setInterval(() => {
      if (performance.now() - saidAtMs < PROGRESS_EVERY_MS) return;
      saidAtMs = performance.now();
      this.central.post(`collection/runs/${task.runId}/progress`, progress, signal).catch(() => undefined);
    }, 1_000);
    try {
      return await this.readRows(task, signal, (rows, bytes) => Object.assign(progress, { rows, bytes }));
    } finally {
      clearInterval(renewing);
    }
  }

  private async readRows(
    task: CollectionTask,
    signal: AbortSignal,
    onChunk: (rows: number, bytes: number) => void,
    kept?: KeptTime,
  ): Promise<CollectedRun> {
    return this.rows.write(
      task,
      (sink) => withClient(this.database.pool, (client) => readTask(client, task, this.env, sink)),
      (rows, bytes) => {
        signal.throwIfAborted();
        onChunk(rows, bytes);
      },
      kept,
    );
  }

  /** Rows that central cannot be given now stay on disk. */
  private async send(run: CollectedRun, signal: AbortSignal): Promise<void> {
    const { offer, kept } = run;
    let { runId } = run;
    try {
      if (kept !== undefined) runId = await this.offline.claim(kept, offer.checksum, signal);
      await this.keepReceipt(runId, await sendRun(this.central, this.rows, run, signal, runId));
      this.metrics.runs.inc({ result: 'sent' });
      this.metrics.rows.inc(offer.rows);
      this.logger.log(
        { runId, rows: offer.rows, bytes: offer.bytes },
        `Central has committed ${offer.rows} rows`,
      );
      await this.rows.settle(run);
    } catch (error) {
      if (!isOver(error)) throw error;
      this.metrics.runs.inc({ result: error.code });
      this.logger.warn(
        { runId, code: error.code },
        `The rows of run ${runId} are not wanted: ${error.message}`,
      );
      await this.rows.remove(run.runId);
    }
  }

  /** Central has it, too: the rows are committed whether this disk takes it or not. */
  private async keepReceipt(runId: string, receipt: string): Promise<void> {
    await this.rows.receipts.add(receipt).catch((error: unknown) => {
      this.logger.warn(
        { runId },
        `Central's receipt for run ${runId} was not kept on this device: ${namedError(error).message}`,
      );
    });
  }

  private dropped(runId: string): void {
    this.droppedRuns += 1;
    this.droppedAtMs = performance.now();
    this.metrics.droppedRuns.inc();
    this.logger.warn({ runId }, `The rows of run ${runId} were dropped: there is no room for more`);
  }

  private afterFailure(error: unknown): number {
    if (this.stopping.signal.aborted) return 0;
    const { code, message } = namedError(error);
    this.logger.warn({ code }, `Central was not asked for tasks: ${message}`);
    const backOff = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    const asked = error instanceof RivuletError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
    return Math.max(backOff, Math.min(asked, RETRY_MAX_MS)) * (1 + Math.random());
  }
}
