import type { Socket } from 'node:net';
import type { AgentTransport } from '../sessions/agent-transport';

/** By then the peer has read the last message, or never will. */
const LINGER_MS = 2_000;

export class TcpTransport implements AgentTransport {
  readonly kind = 'tcp';
  readonly address: string;

  constructor(private readonly socket: Socket) {
    this.address = socket.remoteAddress ?? '';
  }

  get waitingBytes(): number {
    return this.socket.writableLength;
  }

  send(text: string): void {
    if (this.socket.writable) this.socket.write(text);
  }

  close(): void {
    // Closing with unread bytes would reset the connection, and the last message be lost.
    this.socket.resume().end();
    setTimeout(() => this.socket.destroy(), LINGER_MS).unref();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
