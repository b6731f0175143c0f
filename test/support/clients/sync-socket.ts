import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

export type Received = Record<string, unknown> & { type: string };

/** A WebSocket that keeps what it gets. */
export class SyncSocket {
  readonly received: Received[] = [];
  /** The status of a handshake that was refused, or the code and reason of the end. */
  refused: { status: number; body: Record<string, unknown> } | undefined;
  ended: { code: number; reason: string } | undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.received.push(JSON.parse(data.toString()) as Received));
    socket.on('close', (code, reason) => (this.ended = { code, reason: reason.toString() }));
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, response) => {
      void response.toArray().then((chunks: Buffer[]) => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
        this.refused = { status: response.statusCode!, body };
        return undefined;
      });
    });
  }

  /** Resolves when it is open, or refused. */
  static async open(
    central: { url: string },
    path: string,
    { protocols = [], headers = {} }: { protocols?: string[]; headers?: Record<string, string> } = {},
  ): Promise<SyncSocket> {
    const url = `${central.url.replace('http', 'ws')}${path}`;
    const opened = new SyncSocket(new WebSocket(url, protocols, { headers }));
    await opened.until(() => opened.socket.readyState === WebSocket.OPEN || opened.refused !== undefined);
    return opened;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await delay(5);
  }

  /** The first of this type, or the one with this number. */
  async next(type: string, number = 1): Promise<Received> {
    await this.until(() => this.of(type).length >= number);
    return this.of(type)[number - 1]!;
  }

  of(type: string): Received[] {
    return this.received.filter((message) => message.type === type);
  }

  async end(): Promise<{ code: number; reason: string }> {
    await this.until(() => this.ended !== undefined);
    return this.ended!;
  }
}
