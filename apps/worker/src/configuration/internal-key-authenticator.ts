import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { LocalAuthenticator, rawBodyOf, type Authenticator, type Principal } from '@rivulet/platform';
import { isSameSecret, workerHeaders, workerSignature, type SignedForWorker } from '@rivulet/protocol';
import type { FastifyRequest } from 'fastify';
import { isOwnAudience } from './own-audience';
import { SeenNonces } from './seen-nonces';

const agent: Principal = { kind: 'local', id: 'agent', name: 'the agent' };

/** How far the clocks of agent and worker may be apart. */
const TOLERANCE_MS = 5 * 60_000;
const NONCES_MAX = 100_000;
const NONCE = /^[A-Za-z0-9_-]{16,64}$/;

interface Signed extends SignedForWorker {
  signature: string;
}

/**
 * Lets in the agent that has the internal key: by a signature of the request, or, on the same host alone, by the key
 * itself.
 */
export class InternalKeyAuthenticator implements Authenticator {
  readonly refusals: readonly ErrorCode[] = [
    'WORKER_KEY_INVALID',
    'WORKER_SIGNATURE_INVALID',
    'WORKER_REQUEST_OUT_OF_TIME',
    'WORKER_REQUEST_REPLAYED',
    'WORKER_REQUEST_MISDIRECTED',
    'SERVER_BUSY',
  ];
  private readonly local = new LocalAuthenticator();
  private readonly nonces = new SeenNonces(2 * TOLERANCE_MS, NONCES_MAX);
  private readonly startedAtElapsedMs: number;

  constructor(
    private readonly key: string,
    /** What is for this worker, beside its addresses. */
    private readonly audiences: readonly string[] = [],
    private readonly now: () => number = Date.now,
    /** By a clock that nobody sets. */
    private readonly elapsedMs: () => number = () => performance.now(),
  ) {
    this.startedAtElapsedMs = elapsedMs();
  }

  /** By the clock as it is now: after one that was wrong was set right, everything would be older than its own start. */
  private get startedAtMs(): number {
    return this.now() - (this.elapsedMs() - this.startedAtElapsedMs);
  }

  /** @throws RivuletError with one of its codes */
  authenticate(request: FastifyRequest): Principal {
    const { headers } = request;
    const given = headers[workerHeaders.key];
    if (given !== undefined && !isSameSecret(String(given), this.key))
      throw new RivuletError('WORKER_KEY_INVALID', 'X-Internal-Key is not the key of this worker.');
    const signed = signatureOf(headers);
    if (signed !== undefined) this.verify(signed, request);
    else if (given === undefined || !this.isLocal(request)) {
      throw new RivuletError(
        'WORKER_KEY_INVALID',
        'The request is not signed; on the same host X-Internal-Key would do.',
      );
    }
    return agent;
  }

  private verify({ signature, ...said }: Signed, request: FastifyRequest): void {
    const { timestamp, nonce, audience } = said;
    if (!NONCE.test(nonce) || !isSameSecret(signature, workerSignature(this.key, said, rawBodyOf(request)))) {
      throw new RivuletError('WORKER_SIGNATURE_INVALID', 'X-Signature is not that of this request.');
    }
    // One that was recorded on its way to another worker has a nonce that is new here.
    if (!isOwnAudience(audience, request.socket, this.audiences)) {
      throw new RivuletError(
        'WORKER_REQUEST_MISDIRECTED',
        `The request was signed for ${audience.slice(0, 200) || 'no worker'}, which is neither an address of this worker nor in WORKER_URLS.`,
      );
    }
    const atMs = Number(timestamp);
    // Requests signed before this process began may have been taken by the previous one, whose nonces are gone.
    if (!(Math.abs(this.now() - atMs) <= TOLERANCE_MS) || atMs < Math.floor(this.startedAtMs)) {
      throw new RivuletError(
        'WORKER_REQUEST_OUT_OF_TIME',
        `X-Timestamp is ${timestamp.slice(0, 20)}; here it is ${this.now()}, since ${Math.floor(this.startedAtMs)}.`,
      );
    }
    const outcome = this.nonces.take(nonce, this.elapsedMs());
    if (outcome === 'new') return;
    if (outcome === 'full') throw new RivuletError('SERVER_BUSY', 'Too many requests were signed lately.');
    throw new RivuletError('WORKER_REQUEST_REPLAYED', 'X-Nonce was used before.');
  }

  private isLocal(request: FastifyRequest): boolean {
    try {
      this.local.authenticate(request);
      return true;
    } catch {
      return false;
    }
  }
}

/** Undefined without time, nonce and signature; what is missing beside others is empty. */
function signatureOf(headers: FastifyRequest['headers']): Signed | undefined {
  const { timestamp, nonce, audience, signature } = workerHeaders;
  if ([timestamp, nonce, signature].every((name) => headers[name] === undefined)) return undefined;
  const textOf = (name: string): string => String(headers[name] ?? '');
  return {
    timestamp: textOf(timestamp),
    nonce: textOf(nonce),
    audience: textOf(audience),
    signature: textOf(signature),
  };
}
