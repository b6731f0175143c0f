import { setImmediate as turn } from 'node:timers/promises';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import type { KnownDevice } from '../../devices/device';
import { SyncOutcomes, type SyncOutcome } from '../../device-sync/sync-outcomes';
import { SnapshotCurrency } from '../../snapshots/snapshot-currency';
import { ChangeDetection } from '../../source/change-detection/change-detection';
import type { Versions } from '../../source/change-detection/change-log/versions';
import { ScopeService } from '../../source/scope/scope.service';
import { LiveMetrics } from '../live.metrics';
import { AgentSessions } from '../sessions/agent-sessions';
import { CatchUp } from './catch-up';
import { NudgeQueue } from './nudge-queue';
import { ProofLatency } from './proof-latency';

/** How often the versions of the source are asked for while an edge is connected: one statement, a few rows. */
const LOOK_EVERY_MS = 250;
/** After a look that failed. */
const PAUSE_MS = 2_000;
const SEND_EVERY_MS = 50;
/** Devices that are looked at before the event loop turns. */
const AT_ONCE = 200;

/**
 * Tells connected edges to sync when rows that they may have, have changed. It looks instead of listening: NOTIFY in the
 * trigger would have all writers of the source commit one after the other. Each central tells those that are
 * connected to it.
 */
@Injectable()
export class NudgeService implements OnModuleInit {
  private readonly logger = new Logger('Live');
  private readonly queue = new NudgeQueue();
  private readonly looking = new Coalesced(() => this.look());
  private seen: { versions: Versions; state: string } | undefined;
  /** The beginning of the last look, by the monotonic clock; undefined while no edge is connected. */
  private lookedAtMs: number | undefined;
  /** The dependencies of each connected device's rows at the last look. */
  private readonly vectors = new Map<string, string>();
  /** Devices that have connected or asked since the last look: only then may more be known of one than before. */
  private readonly heard = new Set<string>();
  private pausedUntilMs = 0;
  private lookFailure: string | undefined;

  constructor(
    private readonly sessions: AgentSessions,
    private readonly changes: ChangeDetection,
    private readonly scopes: ScopeService,
    private readonly currency: SnapshotCurrency,
    private readonly outcomes: SyncOutcomes,
    private readonly latency: ProofLatency,
    private readonly catchUp: CatchUp,
    private readonly metrics: LiveMetrics,
  ) {}

  /** Why changes are not told at once; undefined when they are. */
  get problem(): string | undefined {
    if (this.lookFailure !== undefined) return this.lookFailure;
    const { polledBecause, definitionsSeen } = this.changes;
    if (definitionsSeen !== undefined) return undefined;
    const [reason = 'nothing is watched'] = polledBecause.keys();
    return `Changes of the source are not detected: ${reason}.`;
  }

  /** Why the source cannot be asked for changes now. */
  get failure(): string | undefined {
    return this.lookFailure;
  }

  get connectedEdges(): number {
    return this.sessions.devices.size;
  }

  onModuleInit(): void {
    this.sessions.listen({
      connected: (deviceId) => {
        this.heard.add(deviceId);
        if (this.syncedDevice(deviceId) !== undefined) this.catchUp.connected(deviceId, performance.now());
      },
      disconnected: (deviceId) => {
        this.vectors.delete(deviceId);
        this.heard.delete(deviceId);
        this.queue.forget(deviceId);
        this.catchUp.disconnected(deviceId);
        this.latency.forget(deviceId);
      },
    });
    this.outcomes.listen((deviceId, outcome) => {
      if (this.sessions.devices.has(deviceId)) this.heard.add(deviceId);
      this.catchUp.answered(deviceId, outcome, this.vectorBehind(outcome));
      // The change did not concern it: a later one must not count from the time of this one.
      if (outcome.kind === 'current') this.latency.forget(deviceId);
      else if (outcome.kind === 'applied' && outcome.isFirst) this.measure(deviceId, outcome.manifestId);
    });
  }

  @Interval('look for changes', LOOK_EVERY_MS)
  async lookInBackground(): Promise<void> {
    if (this.sessions.devices.size === 0) this.lookedAtMs = undefined;
    const isNeeded = this.sessions.devices.size > 0 && performance.now() >= this.pausedUntilMs;
    if (isNeeded && this.looking.idle) await this.looking.run();
  }

  @Interval('send nudges', SEND_EVERY_MS)
  sendDue(): void {
    this.queueCatchUp(performance.now());
    for (const deviceId of this.queue.takeDue(performance.now()))
      this.sessions.send(deviceId, { type: 'NUDGE', data: { reason: 'rows have changed' } });
  }

  private measure(deviceId: string, manifestId: string): void {
    const ms = this.latency.provedBy(deviceId, manifestId, performance.now());
    if (ms !== undefined) this.metrics.proofs.observe(ms / 1_000);
  }

  /** Not while the source cannot be asked, which would answer none of them. */
  private queueCatchUp(nowMs: number): void {
    const { seen } = this;
    if (seen === undefined || this.lookFailure !== undefined) return;
    const due = this.catchUp.takeDue(nowMs, (deviceId) => {
      const known = this.syncedDevice(deviceId);
      return known && this.vectorOf(known, seen.versions);
    });
    this.queue.add(due, nowMs);
  }

  private async look(): Promise<void> {
    try {
      const { state } = this.changes;
      const startMs = performance.now();
      const versions = await this.changes.versions();
      const unseenAtMs = this.lookedAtMs ?? startMs;
      this.lookedAtMs = startMs;
      const before = this.seen;
      this.seen = { versions, state };
      this.lookFailure = undefined;
      const isSame = before?.versions.id === versions.id && before.state === state;
      if (isSame) this.rememberNew(versions);
      else if (before !== undefined) await this.nudgeConcerned(versions, unseenAtMs);
    } catch (error) {
      const { code, message } = namedError(error);
      this.pausedUntilMs = performance.now() + PAUSE_MS;
      if (this.lookFailure === undefined)
        this.logger.warn({ code }, `Changes cannot be told to devices, which sync by schedule: ${message}`);
      this.lookFailure = message;
    }
  }

  /** @param unseenAtMs - a time after which the changes were committed */
  private async nudgeConcerned(versions: Versions, unseenAtMs: number): Promise<void> {
    const noticedAtMs = performance.now();
    const committedAtMs = Math.max(unseenAtMs, this.changes.takeOldestCommitMs() ?? unseenAtMs);
    const concerned: string[] = [];
    let looked = 0;
    for (const [deviceId, { opened }] of this.sessions.devices) {
      const known = opened?.known;
      if (known !== undefined && isSynced(known) && this.isConcerned(known, versions))
        concerned.push(deviceId);
      if (++looked % AT_ONCE === 0) await turn();
    }
    this.latency.published(concerned, Math.min(committedAtMs, noticedAtMs));
    this.queue.add(concerned, noticedAtMs);
  }

  /** When in doubt: a nudge too many is a request that is answered with "current". */
  private isConcerned(known: KnownDevice, versions: Versions): boolean {
    const before = this.vectors.get(known.deviceId);
    const now = this.remember(known, versions);
    return now === undefined || (now !== before && !this.catchUp.hasProved(known.deviceId, now));
  }

  /** Remembers versions for devices that synced since they connected, while nothing changed: these are the versions they have. */
  private rememberNew(versions: Versions): void {
    for (const deviceId of this.heard) {
      const known = this.syncedDevice(deviceId);
      if (known !== undefined && !this.vectors.has(deviceId)) this.remember(known, versions);
    }
    this.heard.clear();
  }

  private remember(known: KnownDevice, versions: Versions): string | undefined {
    const { deviceId } = known;
    const vector = this.vectorOf(known, versions);
    if (vector === undefined) this.vectors.delete(deviceId);
    else this.vectors.set(deviceId, vector);
    return vector;
  }

  private vectorOf({ macAddress, deviceId, name }: KnownDevice, versions: Versions): string | undefined {
    const scope = this.scopes.remembered({ macAddress: macAddress!, deviceId, name }, versions);
    return scope && this.currency.vectorOf(scope);
  }

  /** The versions that a device's last answer depended on. */
  private vectorBehind(outcome: SyncOutcome): string | undefined {
    return 'asOf' in outcome && outcome.asOf ? this.currency.vectorOf(outcome.asOf) : undefined;
  }

  /** A connected device that syncs at all. */
  private syncedDevice(deviceId: string): KnownDevice | undefined {
    const known = this.sessions.devices.get(deviceId)?.opened?.known;
    return known !== undefined && isSynced(known) ? known : undefined;
  }
}

/** Whether it is a device that syncs at all. */
function isSynced({ kind, macAddress }: KnownDevice): boolean {
  return kind === 'edge' && macAddress !== null;
}
