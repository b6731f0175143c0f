import type { WebSocket } from 'ws';
import type { AgentTransport, EndReason } from '../sessions/agent-transport';

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4 */
const CLOSE_CODES: Record<EndReason, number> = {
  left: 1000,
  draining: 1001,
  refused: 1008,
  replaced: 1008,
  silent: 1008,
  slow: 1008,
};
const LINGER_MS = 2_000;

export class WebSocketTransport implements AgentTransport {
  readonly kind = 'websocket';

  constructor(
    private readonly socket: WebSocket,
    readonly address: string,
  ) {}

  get waitingBytes(): number {
    return this.socket.bufferedAmount;
  }

  /** Each is a message of its own, without a line feed. */
  send(text: string): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(text.trimEnd());
  }

  close(reason: EndReason): void {
    this.socket.close(CLOSE_CODES[reason], reason);
    setTimeout(() => this.socket.terminate(), LINGER_MS).unref();
  }

  destroy(): void {
    this.socket.terminate();
  }
}
