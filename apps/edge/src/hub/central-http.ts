import { isErrorCode, RivuletError } from '@rivulet/errors';
import { fetch as fetchOver, type RequestInit as OverRequest } from 'undici';
import { certificateRefusal, type CentralConnection } from './central-connection';
import { IdleTimeout, type AnswerPace } from './transfer/idle-timeout';
import { readBytes, readJson } from './transfer/read-json';
import { sendBytes } from './transfer/send-bytes';

const PROBLEM_MAX_BYTES = 64 * 1024;
/** An explanation is shown, logged and stored; a longer one is cut. */
const EXPLANATION_MAX_LENGTH = 2_000;

export interface CentralCall {
  method: 'GET' | 'POST';
  /** Below /api. */
  path: string;
  headers?: Record<string, string>;
  /** Sent as JSON. Bytes are sent as they are, with a content type among the headers. */
  body?: object | Buffer;
  signal: AbortSignal;
}

export interface CentralAnswer {
  /** The HTTP status, from 200 to 299. */
  status: number;
  /** Decoded JSON. */
  body: unknown;
}

/** Sends requests to central, and turns what goes wrong into errors with codes. */
export class CentralHttp {
  /** @param connection - TLS with other files than those that Node trusts */
  constructor(
    private readonly centralUrl: string,
    private readonly pace?: AnswerPace,
    private readonly connection?: CentralConnection,
  ) {}

  /** The answer to a call, as decoded JSON. */
  async json(call: Omit<CentralCall, 'signal'>, timeoutMs: number, aborted: AbortSignal): Promise<unknown> {
    return (await this.answer(call, timeoutMs, aborted)).body;
  }

  /** @param timeoutMs - until the next bytes of the answer arrive @param maxBytes - of the answer */
  async answer(
    call: Omit<CentralCall, 'signal'>,
    timeoutMs: number,
    aborted: AbortSignal,
    maxBytes?: number,
  ): Promise<CentralAnswer> {
    const idle = new IdleTimeout(timeoutMs, this.pace);
    const signal = AbortSignal.any([aborted, idle.signal]);
    try {
      const response = await this.send({ ...call, signal });
      if (response.status === 204) return { status: 204, body: undefined };
      const onPiece = (bytes: number): void => idle.arrived(bytes);
      return { status: response.status, body: await readJson(response, { maxBytes, onPiece }) };
    } catch (error) {
      throw this.explain(error, aborted);
    } finally {
      idle.stop();
    }
  }

  async send({ method, path, headers, body, signal }: CentralCall): Promise<Response> {
    const url = new URL(`api/${path}`, withSlash(this.centralUrl));
    const all = {
      accept: 'application/json, application/problem+json, application/vnd.rivulet.frames',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    };
    const response = Buffer.isBuffer(body)
      ? await sendBytes(url, { method, headers: all, body, signal }, this.connection?.options)
      : await this.fetch(url, {
          method,
          headers: all,
          body: body === undefined ? null : JSON.stringify(body),
          signal,
          // Central does not move: a proxy or a portal has answered, and whom it names must not get the credentials.
          redirect: 'manual',
        });
    const isUnchanged = response.status === 304 && headers?.['if-none-match'] !== undefined;
    if (!response.ok && !isUnchanged) throw await readProblem(response);
    return response;
  }

  private async fetch(url: URL, request: RequestInit): Promise<Response> {
    if (this.connection === undefined) return fetch(url, request);
    const { dispatcher } = this.connection;
    // Node's own fetch takes a dispatcher of its own version alone.
    return fetchOver(url, { ...(request as OverRequest), dispatcher });
  }

  explain(error: unknown, aborted: AbortSignal): unknown {
    if (error instanceof RivuletError || aborted.aborted) return error;
    const reason = error instanceof Error ? describeFailure(error) : String(error);
    return new RivuletError(
      certificateRefusal(codeOf(error)) ?? 'CENTRAL_UNREACHABLE',
      `Central at ${this.centralUrl} cannot be reached: ${reason}.`,
      {
        cause: error,
      },
    );
  }
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

/** Central's own error with its code, if it sent one. */
async function readProblem(response: Response): Promise<RivuletError> {
  const retryAfter = Number(response.headers.get('retry-after'));
  const retry = retryAfter > 0 ? { retryAfterSeconds: retryAfter } : {};
  if (response.headers.has('location')) {
    await response.body?.cancel();
    return new RivuletError(
      'CENTRAL_REDIRECTED',
      `Central answered with HTTP status ${response.status}, to go elsewhere.`,
    );
  }
  const problem: unknown = await readBytes(response, PROBLEM_MAX_BYTES)
    .then((bytes) => JSON.parse(bytes.toString('utf8')) as unknown)
    .catch(() => undefined);
  const { code, detail, nextStep } = (problem ?? {}) as Record<string, unknown>;
  if (isErrorCode(code) && typeof detail === 'string') {
    return new RivuletError(code, `Central answered: ${detail.slice(0, EXPLANATION_MAX_LENGTH)}`, {
      ...retry,
      ...(typeof nextStep === 'string' ? { nextStep: nextStep.slice(0, EXPLANATION_MAX_LENGTH) } : {}),
    });
  }
  const busy = response.status === 429 || response.status >= 500;
  return new RivuletError(
    busy ? 'CENTRAL_UNREACHABLE' : 'CENTRAL_RESPONSE_INVALID',
    `Central answered with HTTP status ${response.status} and no explanation.`,
    retry,
  );
}

function codeOf(error: unknown): string | undefined {
  return ((error as Error | undefined)?.cause as NodeJS.ErrnoException | undefined)?.code;
}

/** fetch() says "fetch failed" and keeps the reason in `cause`. */
function describeFailure(error: Error): string {
  if (error.name === 'TimeoutError') return 'it did not answer in time';
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === undefined) return message;
  // When several addresses of a name have failed, the error has no message of its own.
  return message === '' ? code : `${code} (${message})`;
}
