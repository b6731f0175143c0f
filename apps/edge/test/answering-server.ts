import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands where central is, and answers what a test says. */
export class AnsweringServer {
  readonly received: { head: IncomingMessage; body: string }[] = [];
  answer: RequestListener = (_, response) => response.end();
  url = '';
  private readonly server: Server;

  private constructor() {
    this.server = createServer((incoming, response) => {
      let body = '';
      incoming.on('data', (piece: Buffer) => (body += piece.toString()));
      incoming.on('end', () => {
        this.received.push({ head: incoming, body });
        this.answer(incoming, response);
      });
    });
  }

  static async start(): Promise<AnsweringServer> {
    const started = new AnsweringServer();
    await new Promise<void>((resolve) => started.server.listen(0, '127.0.0.1', resolve));
    started.url = `http://127.0.0.1:${(started.server.address() as AddressInfo).port}`;
    return started;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
