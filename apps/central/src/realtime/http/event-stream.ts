import { PassThrough } from 'node:stream';
import type { Outgoing, Receiver } from '../delivery/receiver';
import { encodeServerMessage, type ServerMessage } from '../protocol/server-message';

const DRAIN_POLL_MS = 20;

/** Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class EventStream implements Receiver {
  readonly body = new PassThrough();

  constructor(
    private readonly sendBufferBytes: number,
    private readonly onTooSlow: () => void,
  ) {
    this.body.on('error', () => undefined);
  }

  get isClosed(): boolean {
    return this.body.destroyed || this.body.writableEnded;
  }

  get hasRoom(): boolean {
    return this.waitingBytes < this.sendBufferBytes / 2;
  }

  deliver({ epoch, message, frame }: Outgoing): void {
    this.write(`id: ${epoch}:${message.position}\ndata: `, frame, '\n\n');
  }

  /** The position is the ID of what says where the stream stands, so that it is resumed from there. */
  tell(message: ServerMessage): void {
    const id = 'position' in message ? `id: ${message.epoch}:${message.position}\n` : '';
    this.write(`event: ${message.type}\n${id}data: ${encodeServerMessage(message)}\n\n`);
  }

  /** So that proxies and the reader know that somebody is there. */
  beat(): void {
    this.write(': \n\n');
  }

  /** @param retryMs - when the client is to come back */
  end(retryMs: number): void {
    this.write(`retry: ${retryMs}\n\n`);
    this.body.end();
  }

  async drained(): Promise<void> {
    while (!this.isClosed && this.waitingBytes > this.sendBufferBytes / 4)
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }

  private get waitingBytes(): number {
    return this.body.readableLength + this.body.writableLength;
  }

  private write(...parts: (string | Buffer)[]): void {
    if (this.isClosed) return;
    for (const part of parts) this.body.write(part);
    if (this.waitingBytes <= this.sendBufferBytes) return;
    this.body.destroy();
    this.onTooSlow();
  }
}
