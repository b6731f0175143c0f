import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { DeviceTables } from '../device-tables';

const EVERY_MS = 15_000;

/** The rest of a larger fleet is heard again soon. */
const DEVICES_KEPT = 100_000;
/** Devices of one statement, each with up to 4 KB of metrics. */
const DEVICES_AT_ONCE = 2_000;

export interface Sighting {
  /** Where it called from. */
  address?: string | undefined;
  /** The version that it runs. */
  version?: string | undefined;
  metrics?: Record<string, unknown> | undefined;
}

interface DatedSighting extends Sighting {
  /** By the monotonic clock: that of the machine may be wrong, and other centrals have others. */
  atMs: number;
}

/** When each device was last heard. It is written in batches: a request costs no statement of its own. */
@Injectable()
export class Presence implements OnApplicationShutdown {
  private readonly logger = new Logger('Devices');
  private seen = new Map<string, DatedSighting>();
  private readonly writing = new Coalesced(() => this.write());

  constructor(private readonly tables: DeviceTables) {}

  note(deviceId: string, sighting: Sighting = {}): void {
    const before = this.seen.get(deviceId);
    if (before === undefined && this.seen.size >= DEVICES_KEPT) return;
    this.seen.set(deviceId, {
      address: sighting.address ?? before?.address,
      version: sighting.version ?? before?.version,
      metrics: sighting.metrics ?? before?.metrics,
      atMs: performance.now(),
    });
  }

  @Interval('presence', EVERY_MS)
  async flushInBackground(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `It was not written when devices were last seen: ${message}`);
    }
  }

  async flush(): Promise<void> {
    await this.writing.run();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.flushInBackground();
  }

  private async write(): Promise<void> {
    const seen = [...this.seen];
    this.seen = new Map();
    for (let start = 0; start < seen.length; start += DEVICES_AT_ONCE)
      await this.writeSome(seen.slice(start, start + DEVICES_AT_ONCE));
  }

  private async writeSome(seen: [string, DatedSighting][]): Promise<void> {
    const nowMs = performance.now();
    const column = <T>(read: (sighting: DatedSighting) => T): T[] =>
      seen.map(([, sighting]) => read(sighting));
    await this.tables.rows(updateSeen, [
      seen.map(([deviceId]) => deviceId),
      column(({ atMs }) => nowMs - atMs),
      column(({ address }) => address ?? null),
      column(({ version }) => version ?? null),
      column(({ metrics }) => (metrics === undefined ? null : JSON.stringify(metrics))),
    ]);
  }
}

/** In the order of the ids, so that two processes that write the same devices do not lock each other. */
const updateSeen = `
UPDATE rivulet.devices AS device SET
  last_seen_at = greatest(device.last_seen_at, clock_timestamp() - seen.age * interval '1 ms'),
  address = coalesce(seen.address, device.address),
  version = coalesce(seen.version, device.version),
  metrics = coalesce(seen.metrics, device.metrics)
FROM (
  SELECT seen.* FROM unnest($1::text[], $2::float8[], $3::text[], $4::text[], $5::jsonb[])
    AS seen (device_id, age, address, version, metrics)
  JOIN rivulet.devices USING (device_id) ORDER BY device_id FOR NO KEY UPDATE OF devices
) AS seen
WHERE device.device_id = seen.device_id`;
