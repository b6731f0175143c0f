import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeAgentMessage, parseAgentMessage, type AgentMessage } from '@rivulet/agent-protocol';
import { RivuletError, isErrorCode, type ErrorCode } from '@rivulet/errors';
import { certificateRefusal } from '../hub/central-connection';
import { WebSocket, type ClientOptions } from 'ws';

type Figures = Record<string, number | string | null>;

export interface LiveSessionSettings {
  /** ws: or wss:. */
  url: string;
  agentName: string;
  version: string;
  headers(): Promise<Record<string, string>>;
  /** Options of TLS. */
  tls?: ClientOptions | undefined;
  figures(): Promise<Figures>;
  onRegistered(): void;
  /** The reason that central gave. */
  onNudge(reason: string | undefined): void;
}

const HANDSHAKE_TIMEOUT_MS = 10_000;
const ACK_TIMEOUT_MS = 10_000;
const BEATS_MISSED = 3;
const PROBLEM_MAX_CHARACTERS = 64 * 1024;
const MAX_MESSAGE_BYTES = 512 * 1024;

/** One connection, from the handshake to its end. */
export class LiveSession {
  private readonly socket: WebSocket;
  private heardAtMs = performance.now();
  /** With the time between two heartbeats, once central has said it. */
  private readonly registered = Promise.withResolvers<number>();
  private isRegistered = false;
  private beat = 0;
  private goodbye: RivuletError | undefined;

  private constructor(
    private readonly settings: LiveSessionSettings,
    private readonly sentHeaders: Record<string, string>,
    signal: AbortSignal,
  ) {
    this.socket = new WebSocket(settings.url, {
      ...settings.tls,
      headers: sentHeaders,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
    });
    signal.addEventListener('abort', () => this.socket.close(1000), { once: true });
  }

  /**
   * Until the connection ends.
   *
   * @throws RivuletError CENTRAL_UNREACHABLE, or what central said
   */
  static async run(settings: LiveSessionSettings, signal: AbortSignal): Promise<void> {
    const session = new LiveSession(settings, await settings.headers(), signal);
    await session.live(signal);
  }

  private async live(signal: AbortSignal): Promise<void> {
    const closed = new Promise<string>((resolve) =>
      this.socket.on('close', (code, reason) => resolve(`${code} ${reason.toString()}`.trim())),
    );
    this.socket.on('message', (data) => this.receive((data as Buffer).toString()));
    this.socket.on('error', () => undefined);
    await this.open(signal);
    this.register();
    const beating = this.sendHeartbeats(closed);
    const reason = await closed;
    await beating;
    if (signal.aborted) return;
    throw this.goodbye ?? unreachable(`the connection ended (${reason})`);
  }

  /** @throws RivuletError with central's own code where it refuses the handshake */
  private async open(signal: AbortSignal): Promise<void> {
    const { promise: refused, reject } = Promise.withResolvers<never>();
    refused.catch(() => undefined);
    this.socket.once('unexpected-response', (_request, response) => void readRefusal(response).then(reject));
    try {
      await Promise.race([once(this.socket, 'open', { signal }), refused]);
    } catch (error) {
      this.socket.terminate();
      throw error instanceof RivuletError
        ? error
        : unreachable(
            error instanceof Error ? error.message : String(error),
            certificateRefusal((error as NodeJS.ErrnoException).code),
          );
    }
  }

  private register(token?: string): void {
    const { version } = this.settings;
    this.send({
      type: 'REGISTER',
      id: 'register',
      data: { version, os: process.platform, ...(token && { token }) },
    });
  }

  /** By the monotonic clock: that of the day may be at 1970, and jump. */
  private async sendHeartbeats(closed: Promise<unknown>): Promise<void> {
    const over = new AbortController();
    void closed.then(() => over.abort());
    const pause = (ms: number): Promise<undefined> =>
      delay(ms, undefined, { signal: over.signal }).catch(() => undefined);
    const interval = await Promise.race([this.registered.promise, pause(ACK_TIMEOUT_MS)]);
    while (!over.signal.aborted) {
      if (interval === undefined) return this.giveUp('it has not acknowledged the registration');
      await pause(interval);
      if (over.signal.aborted) return;
      if (performance.now() - this.heardAtMs > BEATS_MISSED * interval)
        return this.giveUp('it has not answered three heartbeats');
      await this.renewToken();
      this.send({ type: 'HEARTBEAT', id: String(++this.beat), data: await this.settings.figures() });
    }
  }

  private giveUp(reason: string): void {
    this.goodbye = unreachable(reason);
    this.socket.terminate();
  }

  /** Central ends the session with the access token that opened it. */
  private async renewToken(): Promise<void> {
    const headers = await this.settings.headers().catch(() => this.sentHeaders);
    if (headers['authorization'] === this.sentHeaders['authorization']) return;
    Object.assign(this.sentHeaders, headers);
    this.register(headers['authorization']?.replace(/^Bearer +/i, ''));
  }

  private receive(text: string): void {
    this.heardAtMs = performance.now();
    let message: AgentMessage;
    try {
      message = parseAgentMessage(text, 'central');
    } catch {
      // A later central may say more than this edge knows.
      return;
    }
    if (message.type === 'NUDGE') this.settings.onNudge(message.data.reason);
    else if (message.type === 'ERROR') this.goodbye = asError(message.data);
    else if (message.type === 'ACK' && message.data.of === 'REGISTER') {
      this.registered.resolve((message.data.heartbeat_seconds ?? 30) * 1_000);
      if (!this.isRegistered) this.settings.onRegistered();
      this.isRegistered = true;
    } else if (message.type === 'CONFIG' || message.type === 'JOB') this.refuse(message);
  }

  private refuse({ type, id }: { type: 'CONFIG' | 'JOB'; id: string }): void {
    const text = `This edge takes no ${type} over its live connection.`;
    this.send({ type: 'ERROR', data: { of: type, id, code: 'AGENT_DATA_REFUSED', message: text } });
  }

  private send(content: { type: AgentMessage['type']; id?: string; data: object }): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    const { type, ...rest } = content;
    const envelope = {
      agent_name: this.settings.agentName,
      status: 'online',
      timestamp: new Date().toISOString(),
    };
    this.socket.send(encodeAgentMessage({ type, ...envelope, ...rest } as AgentMessage).trimEnd());
  }
}

async function readRefusal(response: IncomingMessage): Promise<RivuletError> {
  const answered = unreachable(`central answered with HTTP status ${response.statusCode}`);
  try {
    let text = '';
    for await (const piece of response.setEncoding('utf8')) {
      text += piece as string;
      if (text.length > PROBLEM_MAX_CHARACTERS) return answered;
    }
    const { code, detail, nextStep } = JSON.parse(text) as Record<string, unknown>;
    if (!isErrorCode(code) || typeof detail !== 'string') return answered;
    const retryAfterSeconds = Number(response.headers['retry-after']);
    return new RivuletError(code, `Central answered: ${detail.slice(0, 2_000)}`, {
      ...(typeof nextStep === 'string' && { nextStep: nextStep.slice(0, 2_000) }),
      ...(retryAfterSeconds > 0 && { retryAfterSeconds }),
    });
  } catch {
    return answered;
  }
}

function asError({
  code,
  message,
  next_step: nextStep,
  retry_after_seconds: retryAfterSeconds,
}: {
  code: string;
  message: string;
  next_step?: string;
  retry_after_seconds?: number;
}): RivuletError {
  return new RivuletError(
    isErrorCode(code) ? code : 'CENTRAL_RESPONSE_INVALID',
    `Central answered: ${message}`,
    {
      ...(nextStep !== undefined && { nextStep }),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    },
  );
}

function unreachable(reason: string, code: ErrorCode = 'CENTRAL_UNREACHABLE'): RivuletError {
  return new RivuletError(code, `The live connection to central is not there: ${reason}.`);
}
