import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { DeviceTables } from '../device-tables';
import { CentralProcesses } from './central-processes';

const FLUSH_MS = 500;
/** Another process may have written over a device that has come back here since. */
const RECONCILE_MS = 30_000;

interface Connection {
  transport: string;
  connectedAt: Date;
}

/**
 * Which devices are connected to this process, for all of central. A connection that begins or ends is written once, in
 * batches; heartbeats write nothing.
 */
@Injectable()
export class Connections {
  private readonly logger = new Logger('Devices');
  private readonly open = new Map<string, Connection>();
  private changed = new Set<string>();
  private readonly writing = new Coalesced(() => this.write());

  constructor(
    private readonly tables: DeviceTables,
    private readonly processes: CentralProcesses,
  ) {
    processes.onEntered(() => {
      for (const deviceId of this.open.keys()) this.changed.add(deviceId);
    });
  }

  opened(deviceId: string, transport: string): void {
    this.open.set(deviceId, { transport, connectedAt: new Date() });
    this.changed.add(deviceId);
  }

  closed(deviceId: string): void {
    this.open.delete(deviceId);
    this.changed.add(deviceId);
  }

  @Interval('connections of devices', FLUSH_MS)
  async flushInBackground(): Promise<void> {
    if (this.changed.size > 0) await this.quietly(() => this.flush());
  }

  @Interval('connections of devices, all', RECONCILE_MS)
  async reconcileInBackground(): Promise<void> {
    await this.quietly(() => this.reconcile());
  }

  async flush(): Promise<void> {
    await this.writing.run();
  }

  /** Enters devices that nobody has, and removes those that are said to be here and are not. */
  async reconcile(): Promise<void> {
    if (await this.isUnknown()) return;
    await this.tables.rows(removeOthers, [this.processes.id, [...this.open.keys()]]);
    await this.enter([...this.open.keys()], 'DO NOTHING');
  }

  private async write(): Promise<void> {
    const { changed } = this;
    if (changed.size === 0 || (await this.isUnknown())) return;
    this.changed = new Set();
    try {
      const closed = [...changed].filter((deviceId) => !this.open.has(deviceId));
      if (closed.length > 0) await this.tables.rows(removeClosed, [this.processes.id, closed]);
      await this.enter([...changed], overwrite);
    } catch (error) {
      for (const deviceId of changed) this.changed.add(deviceId);
      throw error;
    }
  }

  /** Before the first beat there is no row of this process that connections could belong to. */
  private async isUnknown(): Promise<boolean> {
    const rows = await this.tables.rows('SELECT FROM rivulet.central_processes WHERE process_id = $1', [
      this.processes.id,
    ]);
    return rows.length === 0;
  }

  private async enter(deviceIds: string[], onConflict: string): Promise<void> {
    const rows = deviceIds.flatMap((deviceId) => {
      const connection = this.open.get(deviceId);
      return connection === undefined ? [] : [{ deviceId, ...connection }];
    });
    if (rows.length === 0) return;
    await this.tables.rows(`${enterConnections} ${onConflict}`, [
      this.processes.id,
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ transport }) => transport),
      rows.map(({ connectedAt }) => connectedAt),
    ]);
  }

  private async quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.debug({ code }, `Connections of devices are written later: ${message}`);
    }
  }
}

/** The devices that are connected to a process that runs. */
export const onlineDevices = `
SELECT device_id FROM rivulet.device_connections JOIN rivulet.central_processes USING (process_id)
WHERE alive_until > clock_timestamp()`;

/** In the order of the ids, so that two processes that write the same devices do not lock each other. */
const enterConnections = `
INSERT INTO rivulet.device_connections AS known (process_id, device_id, transport, connected_at)
SELECT $1::text, connection.* FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS connection (device_id)
ORDER BY device_id
ON CONFLICT (device_id)`;

const overwrite = `DO UPDATE SET
  process_id = excluded.process_id, transport = excluded.transport, connected_at = excluded.connected_at`;

const removeClosed = `
DELETE FROM rivulet.device_connections WHERE device_id IN (
  SELECT device_id FROM rivulet.device_connections
  WHERE process_id = $1 AND device_id = ANY ($2) ORDER BY device_id FOR UPDATE)`;

const removeOthers = `
DELETE FROM rivulet.device_connections AS connection
WHERE process_id = $1 AND NOT EXISTS (
  SELECT FROM unnest($2::text[]) AS own (device_id) WHERE own.device_id = connection.device_id)`;
