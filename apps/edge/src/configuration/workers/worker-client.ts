import { randomBytes } from 'node:crypto';
import { RivuletError } from '@rivulet/errors';
import { workerAudience, workerHeaders, workerSignature } from '@rivulet/protocol';

const TIMEOUT_MS = 5_000;
const ANSWER_MAX_BYTES = 1024 * 1024;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** One worker, over HTTP. */
export class WorkerClient {
  constructor(
    readonly url: string,
    private readonly key: string | undefined,
  ) {}

  /** @throws RivuletError WORKER_REFUSED · WORKER_UNREACHABLE */
  async push(document: object, signal: AbortSignal): Promise<void> {
    const body = JSON.stringify(document);
    const response = await this.call('POST', 'config', signal, {
      headers: { 'content-type': 'application/json', ...this.credentials(body) },
      body,
    });
    const { status } = response;
    const text = await readText(response);
    if (response.ok) return;
    const reason = reasonOf(text);
    const message = `The worker at ${this.url} answered ${status}${reason === undefined ? '' : `: ${reason}`}`;
    throw new RivuletError(isRefusal(status) ? 'WORKER_REFUSED' : 'WORKER_UNREACHABLE', message);
  }

  /** @throws RivuletError WORKER_UNHEALTHY */
  async checkHealth(signal: AbortSignal): Promise<void> {
    const response = await this.call('GET', 'health', signal).catch((error: unknown) => {
      if (!(error instanceof RivuletError)) throw error;
      throw new RivuletError('WORKER_UNHEALTHY', error.message);
    });
    await response.body?.cancel();
    if (response.ok) return;
    throw new RivuletError(
      'WORKER_UNHEALTHY',
      `The worker at ${this.url} says that it is not healthy (${response.status}).`,
    );
  }

  /** The version that it runs: a UUID, `none`, or `unknown` where the worker does not say. @throws RivuletError WORKER_UNREACHABLE */
  async current(signal: AbortSignal): Promise<string> {
    const response = await this.call('GET', 'config', signal);
    const { uuid, code } = parse(await readText(response));
    if (code === 'WORKER_UNCONFIGURED') return 'none';
    return response.ok && typeof uuid === 'string' ? uuid : 'unknown';
  }

  /** The key itself is shown on the same host alone. */
  private credentials(body: string): Record<string, string> {
    if (this.key === undefined) return {};
    const said = {
      timestamp: String(Date.now()),
      nonce: randomBytes(18).toString('base64url'),
      audience: workerAudience(this.url),
    };
    return {
      [workerHeaders.timestamp]: said.timestamp,
      [workerHeaders.nonce]: said.nonce,
      [workerHeaders.audience]: said.audience,
      [workerHeaders.signature]: workerSignature(this.key, said, body),
      ...(LOOPBACK.test(new URL(this.url).hostname) && { [workerHeaders.key]: this.key }),
    };
  }

  private async call(
    method: string,
    path: string,
    signal: AbortSignal,
    init: RequestInit = {},
  ): Promise<Response> {
    const base = this.url.endsWith('/') ? this.url : `${this.url}/`;
    try {
      return await fetch(new URL(path, base), {
        ...init,
        method,
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
    } catch (error) {
      if (signal.aborted) throw error;
      const { cause, message } = error as Error;
      const { code } = (cause ?? {}) as NodeJS.ErrnoException;
      throw new RivuletError(
        'WORKER_UNREACHABLE',
        `The worker at ${this.url} cannot be reached: ${code ?? message}.`,
        {
          cause: error,
        },
      );
    }
  }
}

/**
 * A worker may accept later what it cannot take now; what it rejects it will reject later, too. With 401 it has not
 * looked at it: it has another key, or another time.
 */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 408, 429].includes(status);
}

async function readText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const piece of response.body ?? []) {
      bytes += piece.byteLength;
      if (bytes > ANSWER_MAX_BYTES) break;
      pieces.push(piece);
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** The reason in a problem document, or in any other answer. */
function reasonOf(text: string): string | undefined {
  const { code, detail, message } = parse(text);
  const said = [code, detail ?? message].filter((part) => typeof part === 'string').join(', ');
  return said === '' ? undefined : said.slice(0, 500);
}

/** Nothing where it is no object. */
function parse(text: string): Record<string, unknown> {
  try {
    return { ...(JSON.parse(text) as Record<string, unknown> | null) };
  } catch {
    return {};
  }
}
