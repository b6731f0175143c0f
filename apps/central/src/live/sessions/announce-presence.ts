import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { BusBody, Subscription } from '@rivulet/bus';
import { namedError } from '@rivulet/platform';
import { CentralBus } from '../../bus/central-bus';
import { CentralProcesses } from '../../devices/presence/central-processes';
import { AgentSessions } from './agent-sessions';

const TOPIC = 'presence';
const EVERY_MS = 500;
/** Devices of one message: as IDs of 26 characters they fit in a notification of PostgreSQL. */
const DEVICES_AT_ONCE = 200;
/** A younger entry may be the newer one: the message was on its way. */
const OLDER_THAN_MS = 5_000;

/**
 * Says on the bus which devices have connected and gone (`presence.<process>`), and ends the connection of a device that
 * has connected to another process since. All of it is a hint: what is true stands in the database.
 */
@Injectable()
export class AnnouncePresence implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger('Live');
  private readonly changes = new Map<string, 'connected' | 'disconnected'>();
  private subscription: Subscription | undefined;

  constructor(
    private readonly bus: CentralBus,
    private readonly processes: CentralProcesses,
    private readonly sessions: AgentSessions,
  ) {}

  async onModuleInit(): Promise<void> {
    this.sessions.listen({
      connected: (deviceId) => void this.changes.set(deviceId, 'connected'),
      disconnected: (deviceId) => void this.changes.set(deviceId, 'disconnected'),
    });
    this.subscription = await this.bus.subscribe(`${TOPIC}.*`, ({ topic, body }) => {
      if (topic !== this.topic) this.endOlder(body);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.subscription?.close();
  }

  @Interval('presence on the bus', EVERY_MS)
  async announce(): Promise<void> {
    const changes = [...this.changes].slice(0, DEVICES_AT_ONCE);
    if (changes.length === 0) return;
    for (const [deviceId] of changes) this.changes.delete(deviceId);
    const of = (kind: string): string[] =>
      changes.filter(([, is]) => is === kind).map(([deviceId]) => deviceId);
    try {
      await this.bus.publish(this.topic, { connected: of('connected'), disconnected: of('disconnected') });
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.debug({ code }, `Other processes were not told who is connected: ${message}`);
    }
    if (this.changes.size > 0) await this.announce();
  }

  private get topic(): string {
    return `${TOPIC}.${this.processes.id}`;
  }

  private endOlder(body: BusBody): void {
    const connected = isRecord(body) && Array.isArray(body['connected']) ? body['connected'] : [];
    const nowMs = Date.now();
    for (const deviceId of connected) {
      if (typeof deviceId !== 'string') continue;
      const session = this.sessions.devices.get(deviceId);
      if (session !== undefined && nowMs - session.connectedAt.getTime() > OLDER_THAN_MS)
        this.sessions.replace(deviceId);
    }
  }
}

function isRecord(body: BusBody): body is Record<string, BusBody | undefined> {
  return typeof body === 'object' && body !== null && !Array.isArray(body);
}
