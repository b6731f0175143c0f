import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configurationDigest, statementTypes, type ConfigurationStatement } from '@rivulet/protocol';
import { generatePrivateKey, readSigningPair, signStatement, type SigningPair } from '@rivulet/signatures';

export const DEVICE = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';

/** Signs as central does. */
export class SigningCentral {
  private constructor(private readonly pair: SigningPair) {}

  static async create(): Promise<SigningCentral> {
    return new SigningCentral(await readSigningPair(generatePrivateKey()));
  }

  get thumbprint(): string {
    return this.pair.thumbprint;
  }

  async sign(
    version: number,
    sequence: number,
    changes: Partial<ConfigurationStatement> = {},
  ): Promise<string> {
    const data = changes.data ?? { url: `http://example.com/${version}` };
    return signStatement(this.pair, statementTypes.configuration, {
      name: 'default',
      deviceId: DEVICE,
      version,
      epoch: 1,
      sequence,
      sha256: configurationDigest(data),
      pollIntervalSeconds: 30,
      issuedAt: '2026-11-27T08:00:00.000Z',
      data,
      ...changes,
    });
  }
}

export class TemporaryDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'rivulet-configuration-'));

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A worker whose answers a test decides. */
export class FakeWorker {
  /** The versions that it was given and took, in order. */
  readonly taken: number[] = [];
  /** Called with each document that it takes, before it says so. */
  onTaken = (_document: { version: number }): void => undefined;
  refuses = (_version: number): boolean => false;
  /** Its status where it refuses. */
  refusal = 422;
  isHealthy = (_version: number | undefined): boolean => true;
  private current: { version: number; uuid: string } | undefined;
  private server: Server | undefined;
  private port = 0;

  static async start(): Promise<FakeWorker> {
    const worker = new FakeWorker();
    await worker.listen();
    return worker;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get runs(): number | undefined {
    return this.current?.version;
  }

  /** As by kill -9. */
  async kill(): Promise<void> {
    this.server!.closeAllConnections();
    this.server!.close();
    await once(this.server!, 'close');
    this.current = undefined;
  }

  async listen(): Promise<void> {
    this.server = createServer((request, response) => {
      void this.answer(request, response);
    }).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [status, body] = await this.take(request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  private async take(request: IncomingMessage): Promise<[number, object]> {
    if (request.url === '/health') return [this.isHealthy(this.runs) ? 200 : 503, {}];
    if (request.method === 'GET')
      return this.current === undefined ? [404, { code: 'WORKER_UNCONFIGURED' }] : [200, this.current];
    let text = '';
    for await (const piece of request) text += String(piece);
    const posted = JSON.parse(text) as { version: number; uuid: string };
    if (this.refuses(posted.version)) return [this.refusal, { code: 'NO', detail: 'not this one' }];
    this.onTaken(posted);
    this.current = posted;
    this.taken.push(posted.version);
    return [200, {}];
  }
}
