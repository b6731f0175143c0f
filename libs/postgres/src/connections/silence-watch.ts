import type { Duplex } from 'node:stream';
import type { BackendActivity } from './backend-probe';

export interface SilenceTimes {
  /** How often a connection that waits for an answer is looked at. */
  tickMs: number;
  /** After so much silence the server is asked whether it is at work; again after twice as much, and so on. */
  askAfterMs: number;
  /** Between two answers that it is not, which are enough. */
  askAgainAfterMs: number;
  /** So long it may wait for us in the middle of a statement, while nothing arrives: a link may be slow. */
  waitingForUsMs: number;
  /** The time given to the server beyond the statement's own limit. */
  marginMs: number;
  /** The limit of a statement that has none. */
  unlimitedMs: number;
}

export const silenceTimes: SilenceTimes = {
  tickMs: 1_000,
  askAfterMs: 5_000,
  askAgainAfterMs: 4_000,
  waitingForUsMs: 60_000,
  marginMs: 10_000,
  unlimitedMs: 900_000,
};

/** The connection, as the watch sees it. */
export interface WatchedConnection {
  /** Whether an answer is waited for. */
  readonly isWaiting: boolean;
  /** A statement of ours whose end is up to us: rows that a COPY has not been given yet. */
  readonly isUpToUs: boolean;
  readonly stream: Duplex & { bytesRead?: number; bytesWritten?: number };
  /** 0 means that it has none. */
  readonly statementLimitMs: number;
  askServer(): Promise<BackendActivity>;
  abandon(silentMs: number): void;
}

/**
 * Ends a connection on which the server is silent while we wait for it. The server ends a statement at its limit and says
 * so; when nothing has come by then, nothing will. Mostly it is found much sooner, as another connection can ask what
 * the server is doing. Bytes in either direction are signs of life, so that a COPY may take as long as it moves.
 */
export class SilenceWatch {
  private timer: NodeJS.Timeout | undefined;
  private heardAt = 0;
  private tickedAt = 0;
  private moved = -1;
  private askAtMs = 0;
  private isAsking = false;
  private isSuspected = false;

  constructor(
    private readonly connection: WatchedConnection,
    private readonly times: SilenceTimes,
  ) {}

  /** Whether the server is silent, and does not say that it is at work. */
  get isSuspect(): boolean {
    return this.timer !== undefined && this.isSuspected;
  }

  /** A statement is sent. */
  begin(): void {
    if (this.timer !== undefined || this.connection.stream.destroyed) return;
    this.tickedAt = performance.now();
    this.hear(this.tickedAt);
    this.timer = setInterval(() => this.tick(), this.times.tickMs).unref();
  }

  /** Another connection to the same server was lost in silence: one answer that this is no better is enough. */
  doubt(): void {
    this.isSuspected = true;
    this.askAtMs = 0;
  }

  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private tick(): void {
    const { connection, times } = this;
    if (!connection.isWaiting || connection.stream.destroyed) return this.end();
    const now = performance.now();
    // A process that was stopped for a while has not looked into its sockets yet.
    const wasStopped = now - this.tickedAt > 3 * times.tickMs;
    this.tickedAt = now;
    if (wasStopped || this.hasMoved() || connection.isUpToUs || connection.stream.isPaused()) this.hear(now);
    const silentMs = now - this.heardAt;
    if (silentMs > (connection.statementLimitMs || times.unlimitedMs) + times.marginMs) this.giveUp(silentMs);
    else if (silentMs >= this.askAtMs && !this.isAsking) void this.ask(silentMs);
  }

  private hear(now: number): void {
    this.heardAt = now;
    this.askAtMs = this.times.askAfterMs;
    this.isSuspected = false;
  }

  private hasMoved(): boolean {
    const { bytesRead = 0, bytesWritten = 0, writableLength } = this.connection.stream;
    const before = this.moved;
    this.moved = bytesRead + bytesWritten - writableLength;
    return this.moved !== before;
  }

  private async ask(silentMs: number): Promise<void> {
    const { heardAt } = this;
    this.isAsking = true;
    const activity = await this.connection.askServer();
    this.isAsking = false;
    if (this.heardAt !== heardAt || this.timer === undefined) return;
    if (this.hasMoved()) this.hear(performance.now());
    else this.judge(activity, silentMs);
  }

  private judge(activity: BackendActivity, silentMs: number): void {
    const { askAgainAfterMs, waitingForUsMs } = this.times;
    if (activity === 'unaware' && this.isSuspected) return this.giveUp(silentMs);
    if (activity === 'waiting for us' && silentMs >= waitingForUsMs) return this.giveUp(silentMs);
    this.isSuspected = activity === 'unaware' || activity === 'unknown';
    this.askAtMs = activity === 'unaware' ? silentMs + askAgainAfterMs : 2 * silentMs;
  }

  private giveUp(silentMs: number): void {
    this.end();
    this.connection.abandon(silentMs);
  }
}
