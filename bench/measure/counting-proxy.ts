import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Cleanup } from '../setup/cleanup';

/** Stands on loopback between the edge and central, and counts every byte that passes, HTTP headers included. */
export class CountingProxy {
  /** From the edge to central. */
  upBytes = 0;
  /** From central to the edge. */
  downBytes = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (socket) => this.relay(socket));
  }

  static async start(targetUrl: string, cleanup: Cleanup): Promise<CountingProxy> {
    const server = createServer({ noDelay: true });
    const proxy = new CountingProxy(server, new URL(targetUrl));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    cleanup.add(() => proxy.stop());
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Bytes since the last call, both ways. */
  take(): { upBytes: number; downBytes: number } {
    const { upBytes, downBytes } = this;
    this.upBytes = 0;
    this.downBytes = 0;
    return { upBytes, downBytes };
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private relay(edge: Socket): void {
    const central = connect({ host: this.target.hostname, port: Number(this.target.port), noDelay: true });
    edge.on('data', (bytes) => (this.upBytes += bytes.length));
    central.on('data', (bytes) => (this.downBytes += bytes.length));
    for (const socket of [edge, central]) {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    }
    // Either end may break off; the other then notices by its closed socket.
    void pipeline(edge, central, edge).catch(() => undefined);
  }
}
