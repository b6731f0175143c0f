import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { RivuletError } from '@rivulet/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { PrincipalRequest } from '../access/principal';

export interface StreamLimits {
  /** Streamed answers at once: to one device, to one address, and to all. */
  perDevice: number;
  perAddress: number;
  total: number;
  /** Without a byte taken by the reader. */
  stallTimeoutMs: number;
}

const DEFAULT_LIMITS: StreamLimits = {
  perDevice: 4,
  perAddress: 256,
  total: 1_024,
  stallTimeoutMs: 60_000,
};

/** Smaller answers fit in the buffers of the socket, and nobody can hold them up. */
export const SMALL_ANSWER_BYTES = 16_384;
const RETRY_AFTER_SECONDS = 5;

/**
 * Bounds answers whose reader is slow, or reads nothing. Each streamed one holds about a mebibyte of rows, so their
 * number is limited; and one of which nothing is taken for a while is cut off: a client resumes when it is back.
 */
export function limitStreams(instance: FastifyInstance, limits: Partial<StreamLimits> = {}): void {
  const { stallTimeoutMs, ...counts } = { ...DEFAULT_LIMITS, ...limits };
  const open = new OpenStreams(counts);
  instance.addHook('onSend', (request, reply, payload, done) => {
    const isStream = payload instanceof Readable;
    // A request that a test injects has no socket.
    if ((isStream || sizeOf(payload) > SMALL_ANSWER_BYTES) && request.socket instanceof Socket)
      reply.raw.setTimeout(stallTimeoutMs);
    const release = isStream ? open.take(request) : undefined;
    if (release === null) {
      (payload as Readable).destroy();
      done(tooMany());
      return;
    }
    // Fastify destroys it when the answer breaks off.
    if (release) (payload as Readable).once('close', release);
    done();
  });
}

class OpenStreams {
  private total = 0;
  private readonly counts = new Map<string, number>();

  constructor(private readonly limits: Omit<StreamLimits, 'stallTimeoutMs'>) {}

  /** @returns what gives the place back, or null when there is none */
  take(request: FastifyRequest & PrincipalRequest): (() => void) | null {
    const { perAddress, perDevice, total } = this.limits;
    const address = `address ${request.ip}`;
    const device = request.principal?.kind === 'device' ? `device ${request.principal.id}` : undefined;
    if (this.total >= total || this.count(address) >= perAddress) return null;
    if (device !== undefined && this.count(device) >= perDevice) return null;
    const keys = device === undefined ? [address] : [address, device];
    this.add(keys, 1);
    return () => this.add(keys, -1);
  }

  private count(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  private add(keys: string[], change: 1 | -1): void {
    this.total += change;
    for (const key of keys) {
      const count = this.count(key) + change;
      if (count === 0) this.counts.delete(key);
      else this.counts.set(key, count);
    }
  }
}

function sizeOf(payload: unknown): number {
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
}

function tooMany(): RivuletError {
  return new RivuletError('SERVER_BUSY', 'As many answers as are sent at once to one caller are under way.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
