import type { Duplex } from 'node:stream';
import { RivuletError } from '@rivulet/errors';
import { retryAfterSeconds } from '@rivulet/platform';
import { ulid } from 'ulid';
import type { RawData, WebSocket } from 'ws';
import type { Outgoing, Receiver } from '../delivery/receiver';
import type { Session } from '../delivery/session';
import { parseClientMessage, type ClientMessage } from '../protocol/client-message';
import { encodeServerMessage, type ServerMessage } from '../protocol/server-message';
import { closeCodes, type CloseReason } from './close-codes';
import type { ConnectionOwner } from './connection-owner';
import { MessageRate } from './message-rate';

/** Messages that wait for their turn, before no more are read from the socket. What it has read by then is one piece. */
const MAX_WAITING = 16;
const DRAIN_POLL_MS = 20;
/** For a peer to answer a close frame, and to take what was sent before. */
const CLOSE_TIMEOUT_MS = 2_000;

/** One WebSocket. What it costs while it is idle is what 10,000 of them cost. */
export class SyncConnection implements Receiver {
  readonly id = ulid();
  session: Session | undefined;
  /** The client subscribes to its own topics, too, so that it can do so with positions. */
  isExplicit = false;
  /** By the monotonic clock. */
  heardAtMs = performance.now();
  pingedAtMs = performance.now();
  readonly openedAtMs = performance.now();
  private rate: MessageRate | undefined;
  private waiting: ClientText[] | undefined;
  private isWorking = false;
  private isOver = false;

  constructor(
    private readonly socket: WebSocket,
    /** Beneath it. Nothing that `ws` sends waits in `ws`, as it does not compress: what is written here keeps the order. */
    private readonly stream: Duplex,
    private readonly sockets: ConnectionOwner<SyncConnection>,
    readonly address: string,
    /** The identity that the client claims; the token must say the same. */
    readonly claimedUserId: string | undefined,
    /** Gives back what the connection and its user take of the limits. */
    readonly releases: (() => void)[],
  ) {
    socket.on('message', (data, isBinary) => this.receive(data, isBinary));
    socket.on('pong', () => (this.heardAtMs = performance.now()));
    socket.on('close', () => this.ended());
    // A peer's violation closes the connection, too.
    socket.on('error', () => undefined);
  }

  get isClosed(): boolean {
    return this.isOver || this.socket.readyState !== this.socket.OPEN;
  }

  get hasRoom(): boolean {
    return this.socket.bufferedAmount < this.sockets.limits.sendBufferBytes / 2;
  }

  deliver({ webSocketFrame }: Outgoing): void {
    if (this.isClosed) return;
    this.stream.write(webSocketFrame);
    this.closeIfSlow();
  }

  tell(message: ServerMessage): void {
    this.send(encodeServerMessage(message));
  }

  async drained(): Promise<void> {
    while (!this.isClosed && this.socket.bufferedAmount > this.sockets.limits.sendBufferBytes / 4)
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }

  refuse(error: unknown, about?: { id?: string | undefined; topic?: string | undefined }): void {
    const refusal = this.sockets.refused(this, error);
    const { code, message } = refusal;
    const seconds = retryAfterSeconds(refusal);
    this.tell({
      type: 'error',
      code,
      error: message,
      id: about?.id,
      topic: about?.topic,
      retry_after_ms: seconds === undefined ? undefined : seconds * 1_000,
    });
  }

  close(reason: CloseReason, text = ''): void {
    if (this.isOver) return;
    this.isOver = true;
    this.session?.close();
    this.sockets.closing(reason);
    this.socket.close(closeCodes[reason], text);
    // So that the answer to it is read.
    if (this.socket.isPaused) this.socket.resume();
    setTimeout(() => this.socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  /** Nobody is there to close it. */
  terminate(): void {
    this.socket.terminate();
  }

  ping(): void {
    this.pingedAtMs = performance.now();
    this.socket.ping();
  }

  private send(data: string): void {
    if (this.isClosed) return;
    this.socket.send(data, { binary: false });
    this.closeIfSlow();
  }

  private closeIfSlow(): void {
    if (this.socket.bufferedAmount > this.sockets.limits.sendBufferBytes) {
      this.close('tooSlow', 'You read too slowly. Come back with your positions.');
    }
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.isOver) return;
    this.heardAtMs = performance.now();
    this.waiting ??= [];
    if (this.waiting.length === MAX_WAITING) this.socket.pause();
    // With its default binaryType a message is one Buffer.
    this.waiting.push({ text: isBinary ? undefined : (data as Buffer).toString() });
    if (!this.isWorking) void this.work();
  }

  /**
   * One after the other, so that answers come in order. Who sends too many waits: to close the connection would bring all
   * that a client has not had confirmed once more.
   */
  private async work(): Promise<void> {
    this.isWorking = true;
    for (let next = this.waiting?.shift(); next !== undefined; next = this.waiting?.shift()) {
      await this.awaitTurn();
      if (this.isOver) break;
      await this.handle(next);
    }
    this.isWorking = false;
    this.waiting = undefined;
    if (this.socket.isPaused) this.socket.resume();
  }

  private async awaitTurn(): Promise<void> {
    const nowMs = performance.now();
    this.rate ??= new MessageRate(this.sockets.limits.messagesPerSecond, nowMs);
    const waitMs = this.rate.take(nowMs);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    // Nothing is heard of a socket that is not read.
    this.heardAtMs = performance.now();
  }

  private async handle({ text }: ClientText): Promise<void> {
    let message: ClientMessage | undefined;
    try {
      if (text === undefined) throw new RivuletError('REALTIME_MESSAGE_INVALID', 'The message is binary.');
      message = parseClientMessage(text);
      await this.sockets.handle(this, message);
    } catch (error) {
      const topic = message !== undefined && 'topic' in message ? message.topic : undefined;
      this.refuse(error, { id: message?.id, topic });
    }
  }

  private ended(): void {
    this.isOver = true;
    this.session?.close();
    this.waiting = undefined;
    for (const release of this.releases.splice(0)) release();
    this.sockets.forget(this);
  }
}

interface ClientText {
  /** Undefined for a binary message. */
  text: string | undefined;
}
