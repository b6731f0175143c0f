import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { HttpLoad, HttpLoadResult } from './http-load';
import { KeepAliveConnection, type HttpAnswer } from './keep-alive-connection';
import { reportReady, reportResult, thisThread } from './measuring-thread';
import { Pace } from './pace';

const NONCE = '{nonce}';
/** A refused request costs the server little: at full speed these would be all that it does. */
const REFUSED_PAUSE_MS = 10;

async function main(): Promise<void> {
  const { work, isOver } = thisThread();
  const load = work as HttpLoad;
  const url = new URL(load.url);
  const messages = load.requests.map((request) => write(request, url.host));
  const connections = await Promise.all(
    Array.from({ length: load.connections }, () => KeepAliveConnection.open(url)),
  );
  reportReady();
  const measurement = new Measurement(load.expected, load.status ?? 200);
  const pace = new Pace(load.perSecond);
  let sent = 0;
  const run = async (connection: KeepAliveConnection): Promise<void> => {
    while (!isOver()) {
      const start = await pace.next();
      const [before, after] = messages[sent++ % messages.length]!;
      const nonce = after === '' ? '' : randomBytes(16).toString('base64url');
      const answer = await connection.send(`${before}${nonce}${after}`);
      if (!measurement.add(answer, performance.now() - start)) await delay(REFUSED_PAUSE_MS);
    }
    connection.close();
  };
  await Promise.all(connections.map(run));
  reportResult(measurement.finish());
}

/** The bytes before and after the nonce. */
function write(
  { method, path, headers, body }: HttpLoad['requests'][number],
  host: string,
): [string, string] {
  const length = Buffer.byteLength(body.replace(NONCE, 'x'.repeat(22)));
  const lines = Object.entries({ host, ...headers, 'content-length': String(length) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const [before = '', after = ''] = `${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`.split(NONCE);
  return [before, after];
}

class Measurement {
  private readonly start = performance.now();
  private readonly latencies: number[] = [];
  private readonly refused: Record<string, number> = {};
  private answerBytes = 0;
  private bodyBytes = 0;

  constructor(
    private readonly expected: string,
    private readonly status: number,
  ) {}

  /** Whether it is a good answer. */
  add({ status, bytes, body }: HttpAnswer, latencyMs: number): boolean {
    if (status !== this.status || !body.includes(this.expected)) {
      this.refused[status] = (this.refused[status] ?? 0) + 1;
      return false;
    }
    this.latencies.push(latencyMs);
    this.answerBytes = Math.max(this.answerBytes, bytes);
    this.bodyBytes = Math.max(this.bodyBytes, Buffer.byteLength(body));
    return true;
  }

  finish(): HttpLoadResult {
    return {
      answers: this.latencies.length,
      refused: this.refused,
      seconds: (performance.now() - this.start) / 1000,
      latencies: Float64Array.from(this.latencies),
      answerBytes: this.answerBytes,
      bodyBytes: this.bodyBytes,
    };
  }
}

void main();
