import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { RivuletError } from '@rivulet/errors';
import { Coalesced, namedError } from '@rivulet/platform';
import { AgentSessions } from '../../live/sessions/agent-sessions';
import { Quotas } from '../arrival/quotas';
import { CollectionDatabase } from '../collection-database';
import { CollectionEnv } from '../collection.env';
import { CollectionMetrics } from '../collection.metrics';
import { DueRuns } from '../runs/due-runs';
import { TaskQueue } from '../runs/task-queue';
import { AgentJobs } from './agent-jobs';
import { dueTasks, type DueTask } from './due-tasks';

/** Hints of finished networks come in crowds. */
const LOOK_EVERY_MS = 1_000;
/** Without a hint: what another central frees is seen so late. */
const LOOK_AT_LEAST_MS = 5_000;
const RENEW_EVERY_MS = 20_000;

/**
 * Tells connected networks at once that there is a task: an agent gets it as a JOB message, an edge is nudged and asks for
 * it. Each central tells those that are connected to it, no more of a run than it has places for.
 */
@Injectable()
export class ConnectedNetworks implements OnModuleInit {
  private readonly logger = new Logger('Collection');
  private readonly looking = new Coalesced(() => this.look());
  /** Edges that were nudged, and when: one that does not come is not in the way of the others. */
  private readonly nudgedAtMs = new Map<string, number>();
  private isWanted = true;
  private lookedAtMs = -Infinity;

  constructor(
    private readonly sessions: AgentSessions,
    private readonly database: CollectionDatabase,
    private readonly queue: TaskQueue,
    private readonly jobs: AgentJobs,
    private readonly quotas: Quotas,
    private readonly due: DueRuns,
    private readonly env: CollectionEnv,
    private readonly metrics: CollectionMetrics,
  ) {}

  onModuleInit(): void {
    this.due.onDue(() => {
      this.isWanted = true;
      // The first of a crowd at once, the others with the next look.
      if (performance.now() - this.lookedAtMs >= LOOK_EVERY_MS) void this.lookInBackground();
    });
    this.sessions.listen({
      connected: () => (this.isWanted = true),
      disconnected: (deviceId) => {
        this.nudgedAtMs.delete(deviceId);
        this.jobs.left(deviceId);
      },
    });
  }

  @Interval('collection of connected networks', LOOK_EVERY_MS)
  async lookInBackground(): Promise<void> {
    const isTime = performance.now() - this.lookedAtMs >= LOOK_AT_LEAST_MS;
    if ((!this.isWanted && !isTime) || this.sessions.devices.size === 0 || !this.looking.idle) return;
    try {
      await this.looking.run();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Connected networks were not told of their tasks: ${message}`);
    }
  }

  /** Agents that work on a job say so by staying connected. */
  @Interval('leases of connected agents', RENEW_EVERY_MS)
  async renew(): Promise<void> {
    await this.jobs.renew().catch((error: unknown) => {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Leases of agents were not renewed: ${message}`);
    });
  }

  async look(): Promise<void> {
    this.isWanted = false;
    this.lookedAtMs = performance.now();
    for (const { deviceId } of await this.toTell()) {
      const known = this.sessions.devices.get(deviceId)?.opened?.known;
      if (known?.kind === 'agent') await this.giveJob(deviceId);
      else if (known !== undefined) this.nudge(deviceId);
    }
  }

  /** As many networks of each run as it has places for, those with the fewest attempts first. */
  private async toTell(): Promise<DueTask[]> {
    const devices = [...this.sessions.devices.keys()];
    const places = new Map<string, number>();
    const nudgedBefore = performance.now() - this.env.pollMs;
    return (await dueTasks(this.database, devices)).filter(({ runId, deviceId, free }) => {
      if ((this.nudgedAtMs.get(deviceId) ?? -Infinity) > nudgedBefore) return false;
      const left = places.get(runId) ?? free;
      places.set(runId, left - 1);
      return left > 0;
    });
  }

  private nudge(deviceId: string): void {
    this.nudgedAtMs.set(deviceId, performance.now());
    this.sessions.send(deviceId, { type: 'NUDGE', data: { reason: 'collect' } });
    this.metrics.told.inc({ by: 'nudge' });
  }

  private async giveJob(deviceId: string): Promise<void> {
    try {
      const taken = await this.queue.take(deviceId, () => this.quotas.check(deviceId));
      if (taken === undefined) return;
      await this.jobs.send(deviceId, taken);
      this.metrics.told.inc({ by: 'job' });
    } catch (error) {
      if (!(error instanceof RivuletError) || error.code !== 'COLLECTION_QUOTA_EXCEEDED') throw error;
    }
  }
}
