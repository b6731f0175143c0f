import { isErrorCode, RivuletError } from '@rivulet/errors';
import {
  DEVICE_MAC_HEADER,
  formatFrameRanges,
  FrameDecoder,
  FRAMES_CONTENT_TYPE,
  parseSyncResponse,
  type Acknowledgement,
  type Frame,
  type FrameRange,
  type SyncRequest,
  type UnverifiedSyncResponse,
} from '@rivulet/protocol';
import type { Hub, HubCall } from './hub';
import { IdleTimeout } from './idle-timeout';

export interface HubTimeouts {
  /** Until the answer to a request begins. */
  requestTimeoutMs: number;
  /** Until the next bytes of a payload arrive, and until an acknowledgement is confirmed. */
  idleTimeoutMs: number;
}

export interface HttpHubSettings extends HubTimeouts {
  centralUrl: string;
  macAddress: string;
  /** The largest row that is accepted. */
  maxRowBytes?: number;
  /** Gets the size of each piece of a payload as it arrives. */
  onReceived?: (bytes: number) => void;
}

/** Maximum size of a JSON answer: a plan has 67 bytes for each chunk. */
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;

const PROBLEM_MAX_BYTES = 64 * 1024;
/** An explanation is shown, logged and stored; a longer one is cut. */
const EXPLANATION_MAX_LENGTH = 2_000;

/** Central over HTTP. It does not retry. */
export class HttpHub implements Hub {
  constructor(private readonly settings: HttpHubSettings) {}

  async request(request: SyncRequest, call: HubCall): Promise<UnverifiedSyncResponse> {
    return parseSyncResponse(
      await this.postJson('device-sync/request', request, call, this.settings.requestTimeoutMs),
    );
  }

  async acknowledge(acknowledgement: Acknowledgement, call: HubCall): Promise<void> {
    await this.postJson('device-sync/acknowledgements', acknowledgement, call, this.settings.idleTimeoutMs);
  }

  async *frames(manifestId: string, ranges: FrameRange[], call: HubCall): AsyncGenerator<Frame[], void> {
    const path = `device-sync/manifests/${manifestId}/payload?frames=${formatFrameRanges(ranges)}`;
    const idle = new IdleTimeout(this.settings.idleTimeoutMs);
    const signal = AbortSignal.any([call.signal, idle.signal]);
    const decoder = new FrameDecoder(this.settings.maxRowBytes);
    try {
      const response = await this.send('GET', path, { ...call, signal });
      await refuseOtherContent(response, FRAMES_CONTENT_TYPE);
      for await (const bytes of response.body ?? []) {
        idle.restart();
        this.settings.onReceived?.(bytes.byteLength);
        const frames = decoder.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        const end = frames.findIndex((frame) => frame.header.kind === 'end');
        const chunks = end === -1 ? frames : frames.slice(0, end);
        if (chunks.length > 0) yield chunks;
        if (end !== -1) return;
      }
    } catch (error) {
      throw this.explain(error, call.signal);
    } finally {
      idle.stop();
    }
    throw new RivuletError('CENTRAL_UNREACHABLE', 'Central ended the payload before its end frame.');
  }

  private async postJson(path: string, body: object, call: HubCall, timeoutMs: number): Promise<unknown> {
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      const response = await this.send('POST', path, { ...call, signal }, JSON.stringify(body));
      await refuseOtherContent(response, 'application/json');
      return JSON.parse(await readText(response, ANSWER_MAX_BYTES));
    } catch (error) {
      if (error instanceof SyntaxError) {
        throw new RivuletError('CENTRAL_RESPONSE_INVALID', "Central's answer is not JSON.", { cause: error });
      }
      throw this.explain(error, call.signal);
    }
  }

  private async send(method: string, path: string, call: HubCall, body?: string): Promise<Response> {
    const url = new URL(`api/${path}`, withSlash(this.settings.centralUrl));
    const headers: Record<string, string> = {
      [DEVICE_MAC_HEADER]: this.settings.macAddress,
      'x-request-id': call.cycleId,
      accept: 'application/json, application/problem+json, application/vnd.rivulet.frames',
    };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const response = await fetch(url, {
      method,
      headers,
      body: body ?? null,
      signal: call.signal,
      // A redirect then fails as any other status: central does not move, so a proxy or a portal has answered.
      redirect: 'manual',
    });
    if (!response.ok) throw await readProblem(response);
    return response;
  }

  private explain(error: unknown, aborted: AbortSignal): unknown {
    if (error instanceof RivuletError || aborted.aborted) return error;
    const reason = error instanceof Error ? describeFailure(error) : String(error);
    return new RivuletError(
      'CENTRAL_UNREACHABLE',
      `Central at ${this.settings.centralUrl} cannot be reached: ${reason}.`,
      {
        cause: error,
      },
    );
  }
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

async function refuseOtherContent(response: Response, expected: string): Promise<void> {
  const type = response.headers.get('content-type') ?? 'nothing';
  if (type.toLowerCase().startsWith(expected)) return;
  // An unread body would keep the connection busy.
  await response.body?.cancel();
  throw new RivuletError('CENTRAL_RESPONSE_INVALID', `Central answered with ${type} instead of ${expected}.`);
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    length += piece.byteLength;
    if (length > maxBytes) {
      throw new RivuletError('LIMIT_EXCEEDED', `Central's answer is larger than ${maxBytes} bytes.`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Central's own error with its code, if it sent one. */
async function readProblem(response: Response): Promise<RivuletError> {
  const retryAfter = Number(response.headers.get('retry-after'));
  const retry = retryAfter > 0 ? { retryAfterSeconds: retryAfter } : {};
  const problem: unknown = await readText(response, PROBLEM_MAX_BYTES)
    .then(JSON.parse)
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
