import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { AppProcess } from '@rivulet/app-process';
import { startApp } from '@rivulet/testing';
import type { GivenDocument } from '../documents/document-watch';

const KEY = 'a-key-of-sixteen-or-more';

/** A worker process that may be killed, behind an address that stays and sees every document that it takes. */
export class WatchedWorker {
  readonly environment: Record<string, string>;
  /** Called with each document that the worker has taken. */
  onTaken = (_document: GivenDocument): void => undefined;

  private constructor(
    private readonly server: Server,
    private worker: AppProcess,
  ) {
    this.environment = { EDGE_WORKER_URLS: urlOf(server), EDGE_WORKER_KEY: KEY };
  }

  static async start(): Promise<WatchedWorker> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const worker = new WatchedWorker(server, await startWorker(server));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void worker.passOn(request, response).catch(() => request.socket.destroy());
    });
    return worker;
  }

  async kill(): Promise<void> {
    await this.worker.kill();
  }

  async restart(): Promise<void> {
    this.worker = await startWorker(this.server);
  }

  /** The version that it runs. */
  async version(): Promise<number | undefined> {
    const response = await fetch(`${this.worker.url}/config`);
    return ((await response.json()) as Partial<GivenDocument>).version;
  }

  async stop(): Promise<void> {
    await this.worker.stop();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat((await request.toArray()) as Buffer[]);
    const headers = Object.entries(request.headers).filter(([name]) => /^(content-type|x-)/.test(name));
    const answer = await fetch(`${this.worker.url}${request.url}`, {
      method: request.method!,
      headers: Object.fromEntries(headers) as Record<string, string>,
      body: body.length === 0 ? null : body,
    });
    if (request.method === 'POST' && answer.ok)
      this.onTaken(JSON.parse(body.toString('utf8')) as GivenDocument);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  }
}

/** What the edge signs is for the address that stays. */
function startWorker(server: Server): Promise<AppProcess> {
  return startApp('worker', { WORKER_INTERNAL_KEY: KEY, WORKER_URLS: urlOf(server) });
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
