import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface ProxiedCall {
  method: string;
  /** With its query. */
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

export interface ProxiedAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** `cut` breaks the connection, `hold` never answers; a function writes to the connection itself. */
export type WireAnswer = ProxiedAnswer | 'cut' | 'hold' | ((socket: Socket) => void);

export type Attack = (call: ProxiedCall, forward: () => Promise<ProxiedAnswer>) => Promise<WireAnswer>;

const PASSED_ON = ['authorization', 'content-type', 'prefer', 'accept', 'x-request-id'];

/** Stands between edges and central, reads all that passes, and answers as it likes. It has no key of anybody. */
export class MaliciousProxy {
  /** All that passed, in order. */
  readonly seen: { call: ProxiedCall; answer: ProxiedAnswer }[] = [];
  attack: Attack | undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: string,
  ) {}

  static async start(target: string): Promise<MaliciousProxy> {
    const server = createServer();
    const proxy = new MaliciousProxy(server, target);
    server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
      void proxy.handle(incoming).then(
        (answer) => write(answer, incoming.socket, outgoing),
        () => incoming.socket.destroy(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The latest call of those whose method and path match, and its answer. */
  recorded(matches: RegExp): { call: ProxiedCall; answer: ProxiedAnswer } {
    const found = this.seen.findLast(({ call }) => matches.test(`${call.method} ${call.path}`));
    if (found === undefined) throw new Error(`Nothing passed by that matches ${String(matches)}.`);
    return found;
  }

  /** Sends a call to central, as it was or as it has been made. */
  async send({ method, path, headers, body }: ProxiedCall): Promise<ProxiedAnswer> {
    const response = await fetch(`${this.target}${path}`, {
      method,
      headers,
      body: body.length === 0 ? null : new Uint8Array(body),
    });
    return {
      status: response.status,
      headers: { 'content-type': response.headers.get('content-type') ?? 'text/plain' },
      body: Buffer.from(await response.arrayBuffer()),
    };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(incoming: IncomingMessage): Promise<WireAnswer> {
    const body = Buffer.concat((await incoming.toArray()) as Buffer[]);
    const passed = PASSED_ON.filter((name) => incoming.headers[name] !== undefined);
    const headers = Object.fromEntries(passed.map((name) => [name, String(incoming.headers[name])]));
    const call: ProxiedCall = { method: incoming.method!, path: incoming.url!, headers, body };
    const forward = async (): Promise<ProxiedAnswer> => {
      const answer = await this.send(call);
      this.seen.push({ call, answer });
      return answer;
    };
    return this.attack === undefined ? forward() : this.attack(call, forward);
  }
}

function write(answer: WireAnswer, socket: Socket, outgoing: ServerResponse): void {
  if (answer === 'hold') return;
  if (answer === 'cut') socket.destroy();
  else if (typeof answer === 'function') answer(socket);
  else outgoing.writeHead(answer.status, answer.headers).end(answer.body);
}
