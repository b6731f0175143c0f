import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Link {
  client: Socket;
  server: Socket;
  isSilent: boolean;
}

/** Stands between an app and its database, and does to open connections what firewalls and networks do. */
export class TcpRelay {
  private readonly links = new Set<Link>();
  /** Whether a connection that is made is left without an answer. */
  swallowsNew = false;
  /** Whether a connection that is made is closed, as by a machine whose server is down. */
  refusesNew = false;
  /** What of an app is held back with all that comes after it, until {@link release}. */
  holds: RegExp | undefined;
  private held: (() => void)[] = [];
  /** All connections that were ever made. */
  connections = 0;

  private constructor(
    private readonly listener: Server,
    private readonly target: URL,
  ) {}

  static async start(databaseUrl = process.env['TEST_DATABASE_URL']!): Promise<TcpRelay> {
    const listener = createServer();
    const relay = new TcpRelay(listener, new URL(databaseUrl));
    listener.on('connection', (client) => relay.accept(client));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return relay;
  }

  /** The URL that leads to a database of the server through this relay. */
  through(databaseUrl: string): string {
    const { port } = this.listener.address() as AddressInfo;
    return Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href;
  }

  /** From now on nothing passes on the connections that are open, not even their end. New ones work. */
  silence(): void {
    for (const link of this.links) {
      link.isSilent = true;
      for (const socket of [link.client, link.server]) socket.removeAllListeners('data').resume();
    }
  }

  /** Ends the connections that are open, as a server that was killed does, or as a reset. */
  cut(how: 'end' | 'reset'): void {
    for (const { client, server } of this.links) {
      if (how === 'end') client.end();
      else client.resetAndDestroy();
      server.destroy();
    }
  }

  get isHolding(): boolean {
    return this.held.length > 0;
  }

  release(): void {
    this.holds = undefined;
    for (const pass of this.held.splice(0)) pass();
  }

  async stop(): Promise<void> {
    for (const { client, server } of this.links) {
      client.destroy();
      server.destroy();
    }
    this.listener.close();
    await once(this.listener, 'close');
  }

  private accept(client: Socket): void {
    if (this.refusesNew) {
      client.resetAndDestroy();
      return;
    }
    this.connections++;
    const server = connect(Number(this.target.port || 5432), this.target.hostname);
    const link: Link = { client, server, isSilent: this.swallowsNew };
    this.links.add(link);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (bytes) => {
        if (link.isSilent) return;
        if (from === client && this.holds?.test(bytes.toString('latin1')) === true) {
          from.pause();
          this.held.push(() => to.write(bytes) && from.resume());
        } else if (!to.write(bytes)) from.pause();
      });
      to.on('drain', () => from.resume());
      from.on('error', () => undefined);
      from.on('close', () => {
        if (!link.isSilent) to.destroy();
        if (client.destroyed && server.destroyed) this.links.delete(link);
      });
    }
  }
}
