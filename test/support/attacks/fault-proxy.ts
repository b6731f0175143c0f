import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export type Fault =
  /** Answer nothing and keep the connection. */
  | { kind: 'hang' }
  /** Close the connection before central sees the request. */
  | { kind: 'reset' }
  /** Pass the request on, and close the connection instead of answering. */
  | { kind: 'lose-answer' }
  /** Close the connection after so many bytes of the answer's body. */
  | { kind: 'cut'; afterBytes: number }
  /** Stop sending after so many bytes of the answer's body, and keep the connection. */
  | { kind: 'stall'; afterBytes: number }
  /** Flip a bit of the byte at this offset of the answer's body. */
  | { kind: 'flip'; atByte: number };

/** Stands between edge and central and does to chosen requests what networks do. */
export class FaultProxy {
  private target = '';
  private readonly upgraded = new Set<Duplex>();
  private faults: { matches: RegExp; fault: Fault }[] = [];
  /** Whether WebSockets get through; a firewall may take nothing but HTTP. */
  passesWebSockets = false;
  /** Method and path of each request, in order. */
  readonly requests: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FaultProxy> {
    const server = createServer();
    const proxy = new FaultProxy(server);
    server.on('request', (incoming: IncomingMessage, answer: ServerResponse) =>
      proxy.handle(incoming, answer),
    );
    server.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => proxy.upgrade(incoming, socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The address to give to the edge, instead of central's. */
  inFrontOf(centralUrl: string): string {
    this.target = centralUrl;
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Does this to the next request whose method and path match. */
  once(matches: RegExp, fault: Fault): void {
    this.faults.push({ matches, fault });
  }

  get pendingFaults(): number {
    return this.faults.length;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    for (const client of this.upgraded) client.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private handle(incoming: IncomingMessage, answer: ServerResponse): void {
    const line = `${incoming.method} ${incoming.url}`;
    this.requests.push(line);
    const index = this.faults.findIndex(({ matches }) => matches.test(line));
    const fault = index === -1 ? undefined : this.faults.splice(index, 1)[0]!.fault;
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'reset') {
      incoming.socket.destroy();
      return;
    }
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url!, this.target), { method, headers }, (reply) => {
      if (fault?.kind === 'lose-answer') {
        reply.resume().on('end', () => incoming.socket.destroy());
        return;
      }
      answer.writeHead(reply.statusCode!, reply.headers);
      this.passOn(reply, answer, fault);
    });
    onward.on('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  }

  private upgrade({ method, url, rawHeaders }: IncomingMessage, client: Duplex): void {
    this.requests.push(`${method} ${url}`);
    client.on('error', () => undefined);
    if (!this.passesWebSockets) {
      client.destroy();
      return;
    }
    this.upgraded.add(client);
    const { hostname, port } = new URL(this.target);
    const server = connect(Number(port), hostname);
    server.on('error', () => client.destroy());
    client.on('close', () => server.destroy());
    const headers = rawHeaders.map((text, index) => text + (index % 2 === 0 ? ': ' : '\r\n'));
    server.write(`${method} ${url} HTTP/1.1\r\n${headers.join('')}\r\n`);
    client.pipe(server).pipe(client);
  }

  private passOn(reply: IncomingMessage, answer: ServerResponse, fault: Fault | undefined): void {
    let sent = 0;
    reply.on('data', (piece: Buffer) => {
      if (answer.destroyed) return;
      if (fault?.kind === 'cut' || fault?.kind === 'stall') {
        const rest = fault.afterBytes - sent;
        if (piece.length >= rest) {
          answer.write(piece.subarray(0, rest), () => fault.kind === 'cut' && answer.destroy());
          reply.pause();
          return;
        }
      }
      if (fault?.kind === 'flip' && fault.atByte >= sent && fault.atByte < sent + piece.length) {
        piece[fault.atByte - sent]! ^= 1;
      }
      sent += piece.length;
      answer.write(piece);
    });
    reply.on('end', () => answer.end());
    reply.on('error', () => answer.destroy());
  }
}
