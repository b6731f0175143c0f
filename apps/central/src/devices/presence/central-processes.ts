import { hostname } from 'node:os';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { ulid } from 'ulid';
import { DeviceTables } from '../device-tables';

const BEAT_MS = 1_000;
/** Without a beat for so long a process counts as gone. */
const ALIVE_MS = 5_000;

type Report = () => Record<string, unknown>;

/** A process of central that runs. */
export interface CentralProcess {
  processId: string;
  host: string;
  startedAt: Date;
  /** Devices that are connected to it. */
  connected: number;
  report: Record<string, unknown>;
}

/** Says in the database that this process runs, and what it reports of itself. */
@Injectable()
export class CentralProcesses implements OnApplicationShutdown {
  /** ULID, of this process. */
  readonly id = ulid();
  private readonly logger = new Logger('Devices');
  private readonly startedAt = new Date();
  private readonly reports: Report[] = [];
  private readonly entered: (() => void)[] = [];
  private readonly beating = new Coalesced(() => this.write());
  private aliveMs = ALIVE_MS;
  private isOver = false;
  private failure: string | undefined;

  constructor(private readonly tables: DeviceTables) {}

  /** The part that it adds to this process's report. It is asked for every second. */
  describe(report: Report): void {
    this.reports.push(report);
  }

  /** Called when the row of this process was not there, and with it no connection. */
  onEntered(listener: () => void): void {
    this.entered.push(listener);
  }

  /** A killed process must be known to be gone by then. */
  goneAfter(ms: number): void {
    this.aliveMs = Math.min(this.aliveMs, ms);
  }

  @Interval('processes of central', BEAT_MS)
  async beatInBackground(): Promise<void> {
    try {
      await this.beat();
      this.failure = undefined;
    } catch (error) {
      const { code, message } = namedError(error);
      if (this.failure === undefined)
        this.logger.warn({ code }, `Other processes of central cannot see this one: ${message}`);
      this.failure = message;
    }
  }

  async beat(): Promise<void> {
    if (!this.isOver) await this.beating.run();
  }

  /** Those that run now. */
  async list(): Promise<CentralProcess[]> {
    return this.tables.rows<CentralProcess>(listProcesses);
  }

  async onApplicationShutdown(): Promise<void> {
    this.isOver = true;
    await this.beating.run().catch(() => undefined);
  }

  private async write(): Promise<void> {
    if (this.isOver) return void (await this.tables.rows(removeProcess, [this.id]));
    const report = Object.assign({}, ...this.reports.map((read) => read())) as Record<string, unknown>;
    const [row] = await this.tables.rows<{ isNew: boolean }>(enterProcess, [
      this.id,
      hostname(),
      this.startedAt,
      this.aliveMs,
      JSON.stringify(report),
    ]);
    if (row?.isNew === true) for (const listener of this.entered) listener();
  }
}

/** Those that were killed go after a minute, with their connections. By the clock of the database alone. */
const enterProcess = `
WITH gone AS (
  DELETE FROM rivulet.central_processes
  WHERE alive_until < clock_timestamp() - interval '1 minute' AND process_id <> $1
)
INSERT INTO rivulet.central_processes (process_id, host, started_at, alive_until, report)
VALUES ($1, $2, $3, clock_timestamp() + $4::float8 * interval '1 millisecond', $5)
ON CONFLICT (process_id) DO UPDATE SET alive_until = excluded.alive_until, report = excluded.report
RETURNING xmax = 0 AS "isNew"`;

const removeProcess = 'DELETE FROM rivulet.central_processes WHERE process_id = $1';

const listProcesses = `
SELECT process_id AS "processId", host, started_at AS "startedAt", report, (
  SELECT count(*)::int FROM rivulet.device_connections AS connection WHERE connection.process_id = process.process_id
) AS connected
FROM rivulet.central_processes AS process WHERE alive_until > clock_timestamp() ORDER BY process_id`;
