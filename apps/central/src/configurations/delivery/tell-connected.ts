import { setImmediate as turn } from 'node:timers/promises';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import type { AgentMessage } from '@rivulet/agent-protocol';
import { namedError } from '@rivulet/platform';
import type { KnownDevice } from '../../devices/device';
import { AgentInbox, type AnswerMessage, type Sender } from '../../live/sessions/agent-inbox';
import { AgentSessions } from '../../live/sessions/agent-sessions';
import { CurrentConfigurations } from '../current/current-configurations';
import { DEFAULT_NAME } from '../content/default-name';
import { DeliverConfiguration } from './deliver-configuration';
import { DeviceReports } from './device-reports';

type Order = Extract<AgentMessage, { type: 'CONFIG' | 'JOB' }>;

/** Devices that are looked at before the event loop turns. */
const AT_ONCE = 100;
const ANSWER_ID = /^config\.(\d{1,15})$/;

/**
 * Tells connected devices that they are to have another configuration: an edge is nudged and asks for it, a small agent
 * gets the configuration `default` as a CONFIG message. Each central tells those that are connected to it. A hint: all of them poll, too.
 */
@Injectable()
export class TellConnected implements OnModuleInit {
  private readonly logger = new Logger('Configurations');
  /** By device and name, the ETag of what a connected device was told of last. */
  private readonly told = new Map<string, Map<string, string>>();

  constructor(
    private readonly sessions: AgentSessions,
    private readonly inbox: AgentInbox,
    private readonly current: CurrentConfigurations,
    private readonly delivery: DeliverConfiguration,
    private readonly reports: DeviceReports,
  ) {}

  onModuleInit(): void {
    this.sessions.listen({
      connected: (deviceId) => void this.guarded(() => this.welcome(deviceId)),
      disconnected: (deviceId) => void this.told.delete(deviceId),
    });
    this.inbox.onConfigAnswered((sender, message) => this.answered(sender, message));
    this.current.onChange((name) => void this.guarded(() => this.tellAll(name)));
  }

  private async tellAll(name: string): Promise<void> {
    let some: KnownDevice[] = [];
    for (const [, { opened }] of this.sessions.devices) {
      if (opened !== undefined) some.push(opened.known);
      if (some.length < AT_ONCE) continue;
      await this.tellSome(name, some);
      some = [];
      await turn();
    }
    await this.tellSome(name, some);
  }

  /** Together, so that they share the statements. */
  private async tellSome(name: string, some: KnownDevice[]): Promise<void> {
    await Promise.all(some.map((known) => this.tell(name, known)));
  }

  /** An edge asks by itself for what it has missed. */
  private async welcome(deviceId: string): Promise<void> {
    const known = this.sessions.devices.get(deviceId)?.opened?.known;
    if (known?.kind === 'agent') await this.tell(DEFAULT_NAME, known);
  }

  private async tell(name: string, known: KnownDevice): Promise<void> {
    const { deviceId, kind } = known;
    if (kind === 'agent' && name !== DEFAULT_NAME) return;
    const found = await this.current.for(name, known);
    const told = this.told.get(deviceId) ?? new Map<string, string>();
    if (found === undefined || told.get(name) === found.etag || !this.sessions.devices.has(deviceId)) return;
    this.told.set(deviceId, told.set(name, found.etag));
    if (kind === 'edge') this.sessions.send(deviceId, { type: 'NUDGE', data: { reason: 'configuration' } });
    else if (!(await this.reports.hasApplied(deviceId, found))) await this.give(known);
  }

  private async give(known: KnownDevice): Promise<void> {
    const sent = await this.delivery.send(DEFAULT_NAME, known);
    const { name, version, sequence, sha256, pollIntervalSeconds, data } = sent;
    const content = { name, version, sha256, poll_interval_seconds: pollIntervalSeconds, data };
    const message = {
      type: 'CONFIG',
      id: `config.${sequence}`,
      data: content as Order['data'],
    } as const;
    this.sessions.send(known.deviceId, message);
  }

  /** The word of an agent that reports by no other route. */
  private async answered({ deviceId }: Sender, { type, data }: AnswerMessage): Promise<void> {
    const sequence = ANSWER_ID.exec(data.id ?? '')?.[1];
    const takesNone = type === 'ERROR' && data.code === 'AGENT_DATA_REFUSED';
    if (sequence === undefined || takesNone) return;
    const failure = type === 'ERROR' ? `${data.code}: ${data.message}`.slice(0, 1_000) : undefined;
    await this.reports.takeAnswer(deviceId, DEFAULT_NAME, Number(sequence), failure);
  }

  private async guarded(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Connected devices learn of a configuration when they ask: ${message}`);
    }
  }
}
