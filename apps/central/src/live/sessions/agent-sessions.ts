import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import type { AgentMessage } from '@rivulet/agent-protocol';
import { RivuletError } from '@rivulet/errors';
import { LINE_CAUSE, namedError, networkOf, RateLimits, Refusals } from '@rivulet/platform';
import { readCredentials } from '../../devices/authentication/agent-tokens';
import { DeviceAuthenticator, type OpenedBy } from '../../devices/authentication/device-authenticator';
import { CentralProcesses } from '../../devices/presence/central-processes';
import { Connections } from '../../devices/presence/connections';
import { Presence } from '../../devices/registry/presence';
import { LiveEnv } from '../live.env';
import { LiveMetrics } from '../live.metrics';
import { AgentInbox, type AnswerMessage, type DataMessage, type Sender } from './agent-inbox';
import { AgentSession, type SessionHost } from './agent-session';
import type { AgentTransport, EndReason } from './agent-transport';

const BEATS_MISSED = 3;
/** How often it is looked whose time is over. */
const CHECK_MS = 1_000;
/** Until the presence of a device is the same for all who ask: a check, a write, and a summary that is kept. */
const SHOWN_WITHIN_MS = 2_500;
/** Connections over which nobody has said who it is. */
const MAX_UNREGISTERED = 500;
/** The part of them that may come from one address, which so cannot keep the others out. */
const MAX_UNKNOWN_PER_ADDRESS = 200;

export interface SessionListener {
  connected(deviceId: string): void;
  disconnected(deviceId: string): void;
  /** @param metrics - as the device says them */
  beat?(deviceId: string, metrics: Record<string, unknown>): void;
}

/** All agents and edges that are connected to this process. */
@Injectable()
export class AgentSessions implements SessionHost {
  readonly heartbeatMs: number;
  private readonly awayAfterMs: number;
  private readonly logger = new Logger('Live');
  private readonly sessions = new Set<AgentSession>();
  private readonly registeredSessions = new Map<string, AgentSession>();
  private readonly perAddress = new Map<string, number>();
  /** Those that have not said who they are, by network. */
  private readonly unknown = new Map<string, Set<AgentSession>>();
  private readonly listeners: SessionListener[] = [];
  private isClosing = false;

  constructor(
    private readonly env: LiveEnv,
    private readonly authenticator: DeviceAuthenticator,
    private readonly presence: Presence,
    private readonly connections: Connections,
    processes: CentralProcesses,
    private readonly inbox: AgentInbox,
    private readonly metrics: LiveMetrics,
    private readonly refusals: Refusals,
    private readonly limits: RateLimits,
  ) {
    this.heartbeatMs = env.heartbeatMs;
    const beatsMs = BEATS_MISSED * env.heartbeatMs;
    this.awayAfterMs = beatsMs - Math.min(SHOWN_WITHIN_MS, env.heartbeatMs / 2);
    processes.goneAfter(beatsMs);
  }

  /** The devices that are connected here. */
  get devices(): ReadonlyMap<string, AgentSession> {
    return this.registeredSessions;
  }

  listen(listener: SessionListener): void {
    this.listeners.push(listener);
  }

  /**
   * @param opened - over a transport that authenticates
   * @throws RivuletError SERVER_BUSY · SHUTTING_DOWN
   */
  accept(transport: AgentTransport, opened?: OpenedBy): AgentSession {
    this.refuseTooMany(transport.address, opened === undefined);
    const session = new AgentSession(transport, this, opened);
    if (opened === undefined) this.enterUnknown(session);
    this.sessions.add(session);
    this.perAddress.set(transport.address, (this.perAddress.get(transport.address) ?? 0) + 1);
    return session;
  }

  /** Before a connection is taken that accept() would refuse. @throws RivuletError SERVER_BUSY · SHUTTING_DOWN */
  refuseTooMany(address: string, isUnknown: boolean): void {
    const { maxAgents, maxAgentsPerAddress } = this.env;
    if (this.isClosing) this.refuse(new RivuletError('SHUTTING_DOWN', 'This central is shutting down.'));
    if (this.sessions.size >= maxAgents) this.refuse(busy('(CENTRAL_MAX_AGENTS)'));
    if ((this.perAddress.get(address) ?? 0) >= maxAgentsPerAddress)
      this.refuse(busy('from this address (CENTRAL_MAX_AGENTS_PER_ADDRESS)'));
    if (isUnknown && this.sessions.size - this.registeredSessions.size >= MAX_UNREGISTERED)
      this.refuse(busy('that have not registered'));
  }

  private enterUnknown(session: AgentSession): void {
    const network = networkOf(session.transport.address);
    const unknown = this.unknown.get(network) ?? new Set();
    if (unknown.size >= MAX_UNKNOWN_PER_ADDRESS)
      this.refuse(busy('from this address that have not registered'));
    this.unknown.set(network, unknown.add(session));
  }

  private refuse(error: RivuletError): never {
    this.metrics.refusals.inc({ code: error.code });
    throw error;
  }

  private leaveUnknown(session: AgentSession): void {
    const network = networkOf(session.transport.address);
    const unknown = this.unknown.get(network);
    if (unknown?.delete(session) === true && unknown.size === 0) this.unknown.delete(network);
  }

  /** @returns whether the device is connected here */
  send(deviceId: string, content: Parameters<AgentSession['send']>[0]): boolean {
    return this.registeredSessions.get(deviceId)?.send(content) ?? false;
  }

  /** A newer connection of the device is elsewhere. */
  replace(deviceId: string): void {
    this.registeredSessions
      .get(deviceId)
      ?.fail(new RivuletError('AGENT_REPLACED', 'The agent has opened another connection.'), 'replaced');
  }

  /** Whoever shows a valid token is let in, whatever others have tried from the same address. */
  async open(token: string, address: string): Promise<OpenedBy> {
    try {
      return await this.authenticator.openWith(readCredentials(`Bearer ${token}`) ?? { token });
    } catch (error) {
      throw this.limits.refusalAfter(address, namedError(error));
    }
  }

  stillServed(opened: OpenedBy): Promise<void> {
    return this.authenticator.stillServed(opened);
  }

  registered(session: AgentSession): void {
    const deviceId = session.deviceId!;
    this.leaveUnknown(session);
    this.replace(deviceId);
    this.registeredSessions.set(deviceId, session);
    this.metrics.sessions.inc({ transport: session.transport.kind });
    this.connections.opened(deviceId, session.transport.kind);
    const { name } = session.opened!.known;
    this.logger.debug({ device: deviceId }, `Connected: ${name} (${session.transport.kind})`);
    for (const listener of this.listeners) listener.connected(deviceId);
  }

  heard({ deviceId, transport: { address } }: AgentSession, { type, data }: AgentMessage): void {
    const { token: _token, version, os: _os, protocol: _protocol, ...rest } = data as Record<string, unknown>;
    this.presence.note(deviceId!, {
      address,
      ...(typeof version === 'string' && { version: version.slice(0, 100) }),
      ...(type === 'HEARTBEAT' && { metrics: rest }),
    });
    if (type === 'HEARTBEAT') for (const listener of this.listeners) listener.beat?.(deviceId!, rest);
  }

  take(sender: Sender, message: DataMessage): Promise<{ repeated: boolean }> {
    return this.inbox.take(sender, message);
  }

  answered(sender: Sender, message: AnswerMessage): Promise<void> {
    return this.inbox.answered(sender, message);
  }

  counted(direction: 'in' | 'out', type: AgentMessage['type']): void {
    this.metrics.messages.inc({ direction, type });
  }

  refused({ deviceId, transport }: AgentSession, { code, message }: RivuletError): void {
    this.metrics.refusals.inc({ code });
    const { address, kind } = transport;
    if (deviceId === undefined) this.limits.countAnonymous(address);
    this.refusals.note({ code, detail: message, address, requestId: '', where: `agent over ${kind}` });
    const who = deviceId ?? networkOf(address);
    // An agent can make up any number of wrong messages, which are limited together.
    const cause = { cause: `${who} ${code}`, origin: who };
    this.logger.log(
      { code, device: deviceId, address, [LINE_CAUSE]: cause },
      `Refused ${deviceId ?? address}: ${message}`,
    );
  }

  ended(session: AgentSession, reason: EndReason): void {
    const { transport, deviceId, isRegistered } = session;
    this.sessions.delete(session);
    this.leaveUnknown(session);
    const left = (this.perAddress.get(transport.address) ?? 1) - 1;
    if (left === 0) this.perAddress.delete(transport.address);
    else this.perAddress.set(transport.address, left);
    this.metrics.end(transport.kind, reason);
    if (!isRegistered) return;
    this.metrics.sessions.dec({ transport: transport.kind });
    this.logger.debug(
      { device: deviceId, reason },
      `Disconnected: ${session.opened!.known.name} (${reason})`,
    );
    if (this.registeredSessions.get(deviceId!) !== session) return;
    this.registeredSessions.delete(deviceId!);
    this.connections.closed(deviceId!);
    for (const listener of this.listeners) listener.disconnected(deviceId!);
  }

  @Interval('agent sessions', CHECK_MS)
  check(): void {
    const now = performance.now();
    for (const session of this.sessions) {
      session.check(now);
      this.notePresence(session, now);
    }
  }

  private notePresence(session: AgentSession, nowMs: number): void {
    const isAway = session.silentMs(nowMs) > this.awayAfterMs;
    if (isAway === session.isAway) return;
    const { deviceId, transport } = session;
    if (deviceId === undefined || this.registeredSessions.get(deviceId) !== session) return;
    session.isAway = isAway;
    if (isAway) this.connections.closed(deviceId);
    else this.connections.opened(deviceId, transport.kind);
  }

  /** Says goodbye to all, who come back elsewhere. */
  drain(): void {
    this.isClosing = true;
    const goodbye = new RivuletError('SHUTTING_DOWN', 'This central is shutting down; connect again.');
    for (const session of this.sessions) session.fail(goodbye, 'draining');
  }
}

function busy(what: string): RivuletError {
  return new RivuletError('SERVER_BUSY', `Too many agents are connected ${what}.`, { retryAfterSeconds: 30 });
}
