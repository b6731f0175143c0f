import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { DeviceTables } from '../devices/device-tables';
import { SyncOutcomes } from '../device-sync/sync-outcomes';
import { AgentSessions } from '../live/sessions/agent-sessions';
import { afterOutcome, type ProgressNote } from './progress-note';

const FLUSH_MS = 1_000;
/** In a larger fleet, the remaining devices are noted at their next sync. */
const DEVICES_KEPT = 100_000;
const codePattern = /^[A-Z][A-Z0-9_]{0,59}$/;

/** How far each device is. It is written in batches, a second later at most: a sync costs no statement of its own. */
@Injectable()
export class DeviceProgress implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Fleet');
  private notes = new Map<string, ProgressNote>();
  /** The last reports of connected devices; null when all was well. */
  private readonly reported = new Map<string, string | null>();
  private readonly writing = new Coalesced(() => this.write());
  private failure: string | undefined;

  constructor(
    private readonly tables: DeviceTables,
    private readonly outcomes: SyncOutcomes,
    private readonly sessions: AgentSessions,
  ) {}

  onModuleInit(): void {
    this.outcomes.listen((deviceId, outcome) =>
      this.note(deviceId, (before) => afterOutcome(before, outcome, new Date())),
    );
    this.sessions.listen({
      connected: () => undefined,
      disconnected: (deviceId) => void this.reported.delete(deviceId),
      beat: (deviceId, metrics) => this.heard(deviceId, metrics),
    });
  }

  @Interval('progress of devices', FLUSH_MS)
  async flushInBackground(): Promise<void> {
    try {
      await this.flush();
      this.failure = undefined;
    } catch (error) {
      const { code, message } = namedError(error);
      if (this.failure === undefined)
        this.logger.warn({ code }, `The summary of the fleet is not brought up to date: ${message}`);
      this.failure = message;
    }
  }

  async flush(): Promise<void> {
    await this.writing.run();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.flushInBackground();
  }

  private note(deviceId: string, change: (before: ProgressNote) => ProgressNote): void {
    const before = this.notes.get(deviceId);
    if (before === undefined && this.notes.size >= DEVICES_KEPT) return;
    this.notes.set(deviceId, change(before ?? {}));
  }

  /** An edge's report of its last cycle: some failures never reach central. */
  private heard(deviceId: string, { last_cycle: status, last_cycle_error: error }: Record<string, unknown>) {
    if (typeof status !== 'string') return;
    const isCode = typeof error === 'string' && codePattern.test(error);
    const code = status !== 'failed' ? null : isCode ? error : 'INTERNAL';
    if (this.reported.get(deviceId) === code) return;
    this.reported.set(deviceId, code);
    this.note(deviceId, (known) => ({ ...known, reported: code === null ? null : { code, at: new Date() } }));
  }

  private async write(): Promise<void> {
    const { notes } = this;
    if (notes.size === 0) return;
    this.notes = new Map();
    const all = [...notes];
    const column = <T>(read: (note: ProgressNote) => T): T[] => all.map(([, note]) => read(note));
    try {
      await this.tables.rows(enterProgress, [
        all.map(([deviceId]) => deviceId),
        column(({ issuedManifestId }) => issuedManifestId ?? null),
        column(({ issuedAt }) => issuedAt ?? null),
        column(({ provedManifestId }) => provedManifestId ?? null),
        column(({ confirmedAt }) => confirmedAt ?? null),
        column(({ failing }) => failing?.code ?? null),
        column(({ failing }) => failing?.table ?? null),
        column(({ failing }) => failing?.at ?? null),
        column(({ reported }) => (reported === null ? '' : (reported?.code ?? null))),
        column(({ reported }) => reported?.at ?? null),
      ]);
    } catch (error) {
      this.keep(notes);
      throw error;
    }
  }

  /** For the next time, below what has been noted meanwhile. */
  private keep(unwritten: Map<string, ProgressNote>): void {
    for (const [deviceId, note] of unwritten) {
      this.note(deviceId, (later) => {
        const failing = later.confirmedAt === undefined ? (later.failing ?? note.failing) : later.failing;
        return { ...note, ...later, failing };
      });
    }
  }
}

/**
 * Requests and reports of one device may have gone to two processes, which write in any order: what was issued and what
 * was proved are written apart, and compared. In the order of the ids, as elsewhere.
 */
const enterProgress = `
INSERT INTO rivulet.device_progress AS known
  (device_id, issued_manifest_id, proved_manifest_id, unproved_since, confirmed_at, failing_code, failing_table, failing_since,
   reported_code, reported_since)
SELECT device_id, issued, proved, CASE WHEN issued IS DISTINCT FROM proved THEN issued_at END, confirmed_at, failing_code,
  failing_table, failing_at, reported_code, reported_at
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::timestamptz[],
            $9::text[], $10::timestamptz[])
  AS note (device_id, issued, issued_at, proved, confirmed_at, failing_code, failing_table, failing_at, reported_code,
           reported_at)
JOIN (SELECT device_id FROM rivulet.devices WHERE device_id = ANY ($1) ORDER BY device_id FOR KEY SHARE) AS device
  USING (device_id)
ORDER BY device_id
ON CONFLICT (device_id) DO UPDATE SET
  issued_manifest_id = coalesce(excluded.issued_manifest_id, known.issued_manifest_id),
  proved_manifest_id = coalesce(excluded.proved_manifest_id, known.proved_manifest_id),
  unproved_since = CASE
    WHEN coalesce(excluded.issued_manifest_id, known.issued_manifest_id)
      IS DISTINCT FROM coalesce(excluded.proved_manifest_id, known.proved_manifest_id)
    THEN coalesce(known.unproved_since, excluded.unproved_since) END,
  confirmed_at = greatest(known.confirmed_at, excluded.confirmed_at),
  failing_code = CASE WHEN excluded.failing_code IS NULL AND excluded.confirmed_at IS NULL THEN known.failing_code
                 ELSE excluded.failing_code END,
  failing_table = CASE WHEN excluded.failing_code IS NULL AND excluded.confirmed_at IS NULL THEN known.failing_table
                  ELSE excluded.failing_table END,
  failing_since = CASE WHEN excluded.failing_code IS NULL AND excluded.confirmed_at IS NULL THEN known.failing_since
                  WHEN excluded.failing_code = known.failing_code AND excluded.confirmed_at IS NULL THEN known.failing_since
                  ELSE excluded.failing_since END,
  reported_code = coalesce(excluded.reported_code, known.reported_code),
  reported_since = CASE
    WHEN excluded.reported_code IS NULL OR excluded.reported_code = known.reported_code THEN known.reported_since
    ELSE excluded.reported_since END`;
