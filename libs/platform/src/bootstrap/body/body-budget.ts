import { RivuletError } from '@rivulet/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';

export interface BodyBudgetLimits {
  /** For all bodies that are arriving. */
  totalBytes: number;
  /** For those from one address. */
  addressBytes: number;
  /** Reserved for a body that does not say how long it is. */
  bodyLimitBytes: number;
}

/** A body of up to this size needs no room: the number of connections limits these. */
export const UNBOUNDED_BODY_BYTES = 16 * 1024;

const RETRY_AFTER_SECONDS = 2;

/**
 * Bounds the memory of request bodies that are being received, by what they announce. Without it, 10,000 connections
 * with a body of a mebibyte each take ten gibibytes before any of them is judged.
 */
export function limitBodies(instance: FastifyInstance, limits: BodyBudgetLimits): void {
  const budget = new BodyBudget(limits);
  instance.addHook('onRequest', (request, reply, done) => {
    const bytes = announcedBytes(request, limits.bodyLimitBytes);
    if (bytes <= UNBOUNDED_BODY_BYTES) {
      done();
      return;
    }
    const release = budget.reserve(request.ip, bytes);
    if (release === undefined) {
      reply.header('connection', 'close');
      done(tooMany());
      return;
    }
    // Either the body has arrived, or nothing more of it will.
    bodyReleases.set(request, release);
    reply.raw.once('close', release);
    done();
  });
  instance.addHook('preValidation', (request, _reply, done) => {
    bodyReleases.get(request)?.();
    done();
  });
}

const bodyReleases = new WeakMap<FastifyRequest, () => void>();

export class BodyBudget {
  private total = 0;
  private readonly perAddress = new Map<string, number>();

  constructor(private readonly limits: Pick<BodyBudgetLimits, 'totalBytes' | 'addressBytes'>) {}

  /** @returns what gives the room back, once; undefined when there is none */
  reserve(address: string, bytes: number): (() => void) | undefined {
    const ofAddress = this.perAddress.get(address) ?? 0;
    if (this.total + bytes > this.limits.totalBytes) return undefined;
    if (ofAddress + bytes > this.limits.addressBytes) return undefined;
    this.total += bytes;
    this.perAddress.set(address, ofAddress + bytes);
    let isReserved = true;
    return () => {
      if (!isReserved) return;
      isReserved = false;
      this.release(address, bytes);
    };
  }

  private release(address: string, bytes: number): void {
    this.total -= bytes;
    const left = this.perAddress.get(address)! - bytes;
    if (left === 0) this.perAddress.delete(address);
    else this.perAddress.set(address, left);
  }
}

/** A body that is larger than the route accepts is refused by its header, and never read. */
function announcedBytes({ headers }: FastifyRequest, bodyLimitBytes: number): number {
  if (headers['transfer-encoding'] !== undefined) return bodyLimitBytes;
  const announced = Number(headers['content-length'] ?? 0);
  return announced > bodyLimitBytes ? 0 : announced;
}

function tooMany(): RivuletError {
  return new RivuletError('SERVER_BUSY', 'Many large request bodies are arriving at once.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
