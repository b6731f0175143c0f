import { hash } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import {
  COLLECTION_SCHEDULE_TYPE,
  parseCollectionSchedule,
  parseKeptAnswer,
  type CollectionSchedule,
  type CollectionTask,
  type CollectionTasks,
  type ScheduledCollection,
} from '@rivulet/protocol';
import type { DeviceRoutes } from '../../hub/device-routes';
import type { CollectedRows, CollectedRun, KeptTime } from '../collected-rows';
import type { CollectionMetrics } from '../collection.metrics';
import { CentralTime, type Clocks } from './central-time';
import { dueTimes, LATE_MAX_MS, nextTime } from './due-times';
import { keptId } from './kept-id';
import { ScheduleFile } from './schedule-file';

/** Beside the limit in bytes: many runs of few rows cost a request each. */
const KEPT_RUNS_MAX = 1_000;
/** The time that is known on disk is not older, so that a clock that was lost is noticed. */
const SAVE_EVERY_MS = 3_600_000;

const NOTHING: Omit<CollectionSchedule, 'deviceId'> = { jobs: [], leftOut: 0 };

type ReadRows = (task: CollectionTask, signal: AbortSignal, kept: KeptTime) => Promise<CollectedRun>;

/**
 * Scheduled runs whose time comes while central is away: their rows are read then, and kept until central is back. The
 * schedule is central's, of jobs in mode snapshot, whose rows of that moment no later run has.
 */
export class OfflineRuns {
  private readonly logger = new Logger('Collection');
  private readonly file: ScheduleFile;
  private time: CentralTime;
  private schedule = NOTHING;
  private json = '';
  private savedAtMs = -Infinity;
  /** Up to which time the times of a job have been dealt with. */
  private readonly dealtWithMs = new Map<string, number>();
  /** Of the jitter of jobs. */
  private readonly share = Math.random();

  constructor(
    directory: string,
    private readonly central: DeviceRoutes,
    private readonly rows: CollectedRows,
    private readonly readRows: ReadRows,
    private readonly metrics: CollectionMetrics,
    private readonly clocks: Clocks,
  ) {
    this.file = new ScheduleFile(directory);
    this.time = new CentralTime(clocks);
  }

  /** Takes up the schedule that an earlier process has kept. */
  async open(): Promise<void> {
    const kept = await this.file.read();
    if (kept === undefined) return;
    if (kept === 'torn') {
      this.logger.warn('The schedule on disk is torn, and not used: central is asked for it');
      return;
    }
    try {
      this.take(kept.json);
      this.time = new CentralTime(this.clocks, kept.known);
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `The schedule on disk is not used: ${message}`);
    }
  }

  /** SHA-256 of the schedule that this device has; empty for none. */
  get digest(): string {
    return this.json === '' ? '' : hash('sha256', this.json);
  }

  get jobs(): number {
    return this.schedule.jobs.length;
  }

  /** Central has answered: until now it has seen to the schedule itself. */
  async heard({ now, schedule }: CollectionTasks, signal: AbortSignal): Promise<void> {
    // A central of before says neither.
    if (now === undefined) return;
    const known = this.time.heard(Date.parse(now));
    this.dealtWithMs.clear();
    try {
      const json =
        schedule === undefined
          ? this.json
          : await this.central.open(schedule, COLLECTION_SCHEDULE_TYPE, signal);
      if (schedule !== undefined) this.take(json);
      const isDue = schedule !== undefined || known.ownMs - this.savedAtMs > SAVE_EVERY_MS;
      if (json === '' || !isDue) return;
      await this.file.write({ json, known });
      this.savedAtMs = known.ownMs;
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `The schedule of central was not taken: ${message}`);
    }
  }

  /** Until the next scheduled time; Infinity when none is known. */
  nextInMs(): number {
    const { nowMs } = this.time;
    if (nowMs === undefined) return Infinity;
    const waits = this.schedule.jobs.map((job) => {
      const delayMs = this.delayOf(job);
      const next = nextTime(job, nowMs - delayMs);
      return next === undefined ? Infinity : next.getTime() + delayMs - nowMs;
    });
    return Math.min(Infinity, ...waits);
  }

  /** Central is away: reads the rows of the times that have come since it was heard. */
  async readDue(signal: AbortSignal): Promise<void> {
    for (const job of this.schedule.jobs) {
      const { nowMs } = this.time;
      if (nowMs === undefined) {
        this.logger.warn('The time is not known since the clock was lost: no scheduled run is kept');
        return;
      }
      const delayMs = this.delayOf(job);
      const fromMs = this.dealtWithMs.get(job.jobId) ?? this.time.lastHeardMs ?? nowMs - LATE_MAX_MS;
      const { due, missed } = dueTimes(job, fromMs - delayMs, nowMs - delayMs);
      this.dealtWithMs.set(job.jobId, nowMs);
      if (missed > 0) this.metrics.keptRuns.inc({ result: 'missed' }, missed);
      if (due !== undefined) await this.read(job, due, new Date(nowMs), signal);
    }
  }

  /** The rows of a task, where they were read at its time. */
  async find({ jobId, scheduledFor }: CollectionTask): Promise<CollectedRun | undefined> {
    if (jobId === undefined || scheduledFor === undefined) return undefined;
    return this.rows.find(keptId(jobId, new Date(scheduledFor)));
  }

  /**
   * @returns the ID of the run that kept rows are for
   * @throws RivuletError what central answers: COLLECTION_KEPT_UNWANTED · COLLECTION_BUSY · COLLECTION_QUOTA_EXCEEDED
   */
  async claim(kept: KeptTime, checksum: string, signal: AbortSignal): Promise<string> {
    return parseKeptAnswer(await this.central.post('collection/kept', { ...kept, checksum }, signal));
  }

  private take(json: string): void {
    const schedule = parseCollectionSchedule(json);
    const { deviceId } = this.central;
    if (deviceId !== undefined && schedule.deviceId !== deviceId)
      throw new RivuletError(
        'ANSWER_FOREIGN',
        `The schedule is for ${schedule.deviceId}, not for ${deviceId}.`,
      );
    this.schedule = schedule;
    this.json = json;
    const { jobs, leftOut } = this.schedule;
    if (jobs.length > 0)
      this.logger.log(
        { jobs: jobs.length },
        `${jobs.length} jobs are kept by this device while central is away`,
      );
    if (leftOut > 0)
      this.logger.warn({ leftOut }, `${leftOut} jobs are not kept while central is away: there are too many`);
  }

  private async read(
    { jobId, revision, name, query, mode, key }: ScheduledCollection,
    due: Date,
    now: Date,
    signal: AbortSignal,
  ): Promise<void> {
    const runId = keptId(jobId, due);
    if ((await this.rows.find(runId)) !== undefined) return;
    const kept = { jobId, revision, scheduledFor: due.toISOString(), collectedAt: now.toISOString() };
    try {
      const { offer } = await this.readRows({ runId, name, query, mode, key, watermark: [] }, signal, kept);
      this.metrics.keptRuns.inc({ result: 'read' });
      this.logger.log(
        { jobId, scheduledFor: kept.scheduledFor, rows: offer.rows },
        `Central is away: ${offer.rows} rows of schema ${name} are kept`,
      );
      await this.rows.dropBeyond(KEPT_RUNS_MAX);
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = namedError(error);
      this.metrics.keptRuns.inc({ result: 'failed' });
      this.logger.warn({ jobId, code }, `The rows of schema ${name} were not kept: ${message}`);
    }
  }

  private delayOf({ jitterSeconds }: ScheduledCollection): number {
    return Math.floor(jitterSeconds * this.share) * 1_000;
  }
}
