import { encodeAgentMessage, parseAgentMessage, type AgentMessage } from '@rivulet/agent-protocol';
import { isTransient, RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import type { OpenedBy } from '../../devices/authentication/device-authenticator';
import type { AnswerMessage, DataMessage, Sender } from './agent-inbox';
import type { AgentTransport, EndReason } from './agent-transport';
import { MessagePace } from './message-pace';

type Heard = Extract<AgentMessage, { type: 'REGISTER' | 'HEARTBEAT' }>;
type Reference = { of: AgentMessage['type']; id?: string };
type Content = Pick<AgentMessage, 'type' | 'data'> & { id?: string };

/** The calls that a session makes to central. */
export interface SessionHost {
  readonly heartbeatMs: number;
  /** Who a token belongs to. @throws RivuletError */
  open(token: string, address: string): Promise<OpenedBy>;
  /** @throws RivuletError when the device may not stay */
  stillServed(opened: OpenedBy): Promise<void>;
  registered(session: AgentSession): void;
  heard(session: AgentSession, message: Heard): void;
  take(sender: Sender, message: DataMessage): Promise<{ repeated: boolean }>;
  answered(sender: Sender, message: AnswerMessage): Promise<void>;
  counted(direction: 'in' | 'out', type: AgentMessage['type']): void;
  refused(session: AgentSession, error: RivuletError): void;
  ended(session: AgentSession, reason: EndReason): void;
}

/** Who has not registered by then is gone, or never was an agent. */
const REGISTER_WITHIN_MS = 10_000;
const BEATS_MISSED = 3;
const MAX_WAITING_BYTES = 1024 * 1024;

/** One agent or edge on one connection, over whichever transport. Messages are handled one after the other. */
export class AgentSession {
  readonly connectedAt = new Date();
  /** Who it is; over a WebSocket known before the first message, and undefined until REGISTER over TCP. */
  opened: OpenedBy | undefined;
  isRegistered = false;
  /** Whether it counts as gone, as it has been silent for long. */
  isAway = false;
  private agentName = 'unknown';
  private isOver = false;
  private heardAtMs = performance.now();
  private readonly pace = new MessagePace();

  constructor(
    readonly transport: AgentTransport,
    private readonly host: SessionHost,
    opened?: OpenedBy,
  ) {
    this.opened = opened;
  }

  get deviceId(): string | undefined {
    return this.opened?.known.deviceId;
  }

  /** Resolves when the next message may come. */
  async receive(text: string): Promise<void> {
    await this.pace.take();
    if (this.isOver) return;
    this.heardAtMs = performance.now();
    let about: Reference | undefined;
    try {
      const message = parseAgentMessage(text, 'agent');
      about = { of: message.type, ...(message.id !== undefined && { id: message.id }) };
      this.host.counted('in', message.type);
      await this.handle(message, about);
    } catch (error) {
      this.refuse(namedError(error), about);
    }
  }

  /** @returns whether it was given to the connection; it may be lost all the same */
  send(content: Content): boolean {
    if (this.isOver) return false;
    const envelope = { agent_name: this.agentName, status: 'online', timestamp: new Date().toISOString() };
    const { type, id, data } = content;
    const message = { type, ...(id !== undefined && { id }), ...envelope, data } as AgentMessage;
    this.transport.send(encodeAgentMessage(message));
    this.host.counted('out', type);
    return true;
  }

  silentMs(nowMs: number): number {
    return nowMs - this.heardAtMs;
  }

  /** Ends the session if its time is over. */
  check(nowMs: number): void {
    const silentMs = this.silentMs(nowMs);
    if (this.transport.waitingBytes > MAX_WAITING_BYTES) this.end('slow');
    else if (!this.isRegistered && silentMs > REGISTER_WITHIN_MS)
      this.fail(new RivuletError('AGENT_UNREGISTERED', 'No REGISTER came in time.'));
    else if (silentMs > BEATS_MISSED * this.host.heartbeatMs && this.isRegistered) this.end('silent');
    else if ((this.opened?.untilMs ?? Infinity) < nowMs)
      this.fail(new RivuletError('ACCESS_TOKEN_EXPIRED', 'The access token has expired.'));
  }

  /** Says why, and ends. */
  fail(error: RivuletError, reason: EndReason = 'refused'): void {
    this.refuse(error, undefined, reason);
    this.end(reason);
  }

  /** Also when the peer has gone. */
  end(reason: EndReason): void {
    if (this.isOver) return;
    this.isOver = true;
    if (reason === 'silent' || reason === 'slow') this.transport.destroy();
    else this.transport.close(reason);
    this.host.ended(this, reason);
  }

  private async handle(message: AgentMessage, about: Reference): Promise<void> {
    if (message.type === 'REGISTER') return this.register(message, about);
    const opened = this.opened;
    if (!this.isRegistered || opened === undefined)
      throw new RivuletError('AGENT_UNREGISTERED', `${message.type} came before REGISTER.`);
    if (message.agent_name !== this.agentName)
      throw new RivuletError('AGENT_MESSAGE_INVALID', `The connection is that of ${this.agentName}.`);
    if (!(await this.mayStay(opened))) return;
    const { deviceId, name } = opened.known;
    if (message.type === 'HEARTBEAT') this.heartbeat(message, about);
    else if (message.type === 'DATA') {
      const { repeated } = await this.host.take({ deviceId, name }, message);
      this.send({ type: 'ACK', data: { ...about, ...(repeated && { repeated }) } });
    } else if (message.type === 'ACK' || message.type === 'ERROR')
      await this.host.answered({ deviceId, name }, message);
  }

  /** Again on the same connection: with a new token, before the old one ends. */
  private async register(message: Extract<Heard, { type: 'REGISTER' }>, about: Reference): Promise<void> {
    const { token } = message.data;
    const opened = token === undefined ? this.opened : await this.host.open(token, this.transport.address);
    // Its time may have been over before central could tell who it is: it must not be entered as connected then.
    if (this.isOver) return;
    if (opened === undefined)
      throw new RivuletError('DEVICE_UNIDENTIFIED', 'REGISTER has no token of an agent.');
    if (this.deviceId !== undefined && this.deviceId !== opened.known.deviceId)
      throw new RivuletError('ACCESS_TOKEN_INVALID', 'The token is that of another device.');
    if (this.isRegistered && message.agent_name !== this.agentName)
      throw new RivuletError('AGENT_MESSAGE_INVALID', `The connection is that of ${this.agentName}.`);
    this.opened = opened;
    this.agentName = message.agent_name;
    const isNew = !this.isRegistered;
    this.isRegistered = true;
    if (isNew) this.host.registered(this);
    this.host.heard(this, message);
    this.send({ type: 'ACK', data: { ...about, heartbeat_seconds: this.host.heartbeatMs / 1_000 } });
  }

  /** Asked with every message: an agent that only sends data must not outlive its revocation. */
  private async mayStay(opened: OpenedBy): Promise<boolean> {
    try {
      await this.host.stillServed(opened);
      return true;
    } catch (error) {
      const named = namedError(error);
      // While the registry cannot be asked, whoever is connected stays.
      if (isTransient(named.code)) return true;
      this.fail(named);
      return false;
    }
  }

  private heartbeat(message: Extract<Heard, { type: 'HEARTBEAT' }>, about: Reference): void {
    this.host.heard(this, message);
    if (message.id !== undefined) this.send({ type: 'ACK', data: about });
  }

  /** A message that breaks a rule is answered; what makes the sender doubtful ends the connection. */
  private refuse(error: RivuletError, about: Reference | undefined, reason: EndReason = 'refused'): void {
    if (this.isOver) return;
    this.host.refused(this, error);
    const { code, message, nextStep, retryAfterSeconds } = error;
    const retry = retryAfterSeconds === undefined ? {} : { retry_after_seconds: retryAfterSeconds };
    this.send({
      type: 'ERROR',
      data: { code, message: message.slice(0, 2_000), next_step: nextStep, ...about, ...retry },
    });
    const isHarmless = about?.of === 'DATA' || code === 'AGENT_MESSAGE_INVALID' || isTransient(code);
    if (!this.isRegistered || !isHarmless) this.end(reason);
  }
}
