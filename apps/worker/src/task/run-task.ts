import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { AllowedTargets, hostOf } from '../targets/allowed-targets';
import { TaskEnv } from './task.env';

export interface TaskAnswer {
  status: number;
  contentType: string;
  body: Buffer;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Runs the task: GET of a URL, within the limits of the worker. */
@Injectable()
export class RunTask {
  constructor(
    private readonly env: TaskEnv,
    private readonly targets: AllowedTargets,
  ) {}

  /** @throws RivuletError TASK_TARGET_REFUSED · TASK_FAILED · TASK_TIMEOUT · TASK_ANSWER_TOO_LARGE */
  async run(text: string): Promise<TaskAnswer> {
    const signal = AbortSignal.timeout(this.env.timeoutMs);
    try {
      return await untilAborted(signal, this.follow(this.targets.check(text), signal));
    } catch (error) {
      if (error instanceof RivuletError) throw error;
      if (signal.aborted)
        throw new RivuletError('TASK_TIMEOUT', `The task did not end within ${this.env.timeoutMs} ms.`);
      const { code, message } = error as NodeJS.ErrnoException;
      throw new RivuletError('TASK_FAILED', `The task failed: ${code ?? message}.`, { cause: error });
    }
  }

  private async follow(first: URL, signal: AbortSignal): Promise<TaskAnswer> {
    let url = first;
    for (let redirects = 0; ; redirects++) {
      const response = await open(url, await this.targets.addressOf(url), signal);
      const { statusCode = 502, headers } = response;
      const { location } = headers;
      if (statusCode < 200 || statusCode > 599) {
        response.destroy();
        throw new RivuletError(
          'TASK_FAILED',
          `The task was answered with ${statusCode}, which is no status.`,
        );
      }
      if (!REDIRECTS.has(statusCode) || location === undefined)
        return {
          status: statusCode,
          contentType: headers['content-type'] ?? 'application/octet-stream',
          body: await this.read(response),
        };
      response.destroy();
      if (redirects === this.env.maxRedirects)
        throw new RivuletError('TASK_FAILED', `The task was redirected more than ${redirects} times.`);
      url = this.next(url, location);
    }
  }

  private next(from: URL, location: string): URL {
    if (!URL.canParse(location, from.href))
      throw new RivuletError('TASK_FAILED', 'The task was redirected to no URL.');
    const next = this.targets.check(new URL(location, from.href).href);
    if (from.protocol === 'https:' && next.protocol === 'http:')
      throw new RivuletError('TASK_TARGET_REFUSED', 'The task was redirected from https to http.');
    return next;
  }

  private async read(response: IncomingMessage): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of response as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > this.env.maxBytes) {
        response.destroy();
        throw new RivuletError(
          'TASK_ANSWER_TOO_LARGE',
          `The answer is larger than ${this.env.maxBytes} bytes.`,
        );
      }
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }
}

/** Connects to the address that was checked, on a connection of its own, and says the name of the host. */
async function open(url: URL, address: string, signal: AbortSignal): Promise<IncomingMessage> {
  const host = hostOf(url);
  const options: RequestOptions & { servername?: string } = {
    host: address,
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    method: 'GET',
    headers: { host: url.host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'rivulet-worker' },
    agent: false,
    signal,
    ...(isIP(host) === 0 && { servername: host }),
  };
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    request(options, resolve).on('error', reject).end();
  });
}

/** DNS cannot be told to stop. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
