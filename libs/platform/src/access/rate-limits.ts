import type { TLSSocket } from 'node:tls';
import rateLimit from '@fastify/rate-limit';
import { Injectable } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { AccessRule } from './access-rule';
import type { Principal, PrincipalRequest } from './principal';
import { atMostEntries } from '../at-most-entries';
import { networkOf } from '../addresses/network-of';
import { hasOwnLimit } from './own-limit.decorator';
import { RateLimitsMetrics } from './rate-limits.metrics';

/** Calls in a minute, for each process; 0: no limit. */
export interface RateLimitSettings {
  perDevice: number;
  perOperator: number;
  /** The limit of requests without an authenticated caller: public routes, unknown ones, and refused credentials. */
  perAddress: number;
  /** Besides Authorization, in lower case. */
  credentialHeader?: string | undefined;
}

type Limit = 'device' | 'operator' | 'address';
type Count = (key: string) => Promise<{ isExceeded: boolean; retryAfterSeconds: number }>;

interface AddressedRequest extends FastifyRequest {
  [ADDRESS]?: string;
}

const WINDOW_MS = 60_000;
/** The ones heard longest ago are forgotten. An entry takes about 200 bytes. */
const KEYS_KEPT: Record<Limit, number> = { device: 20_000, operator: 5_000, address: 50_000 };
/**
 * Kept from the beginning: a caller that has hung up may have none at the end. On the request itself, as an entry of a
 * WeakMap would outlive many collections, and the request with it.
 */
const ADDRESS = Symbol('address');
const PROBE = /^\/(health|metrics)(\/|$|\?)/;
/** A caller that gets them needs them to go on, and had to have something valid. */
const RENEWABLE: ReadonlySet<ErrorCode> = new Set([
  'ACCESS_TOKEN_EXPIRED',
  'OPERATOR_TOKEN_EXPIRED',
  'DEVICE_KEY_RETIRED',
]);

/**
 * Bounds the calls of each device and operator, and of each address those that nobody is authenticated for. So a site of
 * 5,000 devices behind one address counts by device, and one of them, or a stranger beside them, cannot use up what the
 * others have: an address that is over its limit is still open for callers who show valid credentials.
 */
@Injectable()
export class RateLimits {
  private readonly counts: Partial<Record<Limit, Count>> = {};
  /** By network: until when, by the monotonic clock. Empty nearly always, so that a call costs nothing. */
  private readonly overUntilMs = new LRUCache<string, number>(atMostEntries(KEYS_KEPT.address));

  private isInstalled = false;
  private credentialHeader: string | undefined;

  constructor(private readonly metrics: RateLimitsMetrics) {}

  install(instance: FastifyInstance, settings: RateLimitSettings): void {
    this.isInstalled = true;
    this.credentialHeader = settings.credentialHeader;
    instance.register(rateLimit, { global: false }).after((error) => {
      if (error) throw error;
      this.open(instance, settings);
    });
    instance.addHook('onRequest', (request, _reply, done) => {
      (request as AddressedRequest)[ADDRESS] = request.ip;
      done(this.overUntilMs.size === 0 ? undefined : this.refusalBefore(request));
    });
    instance.addHook('onResponse', (request, _reply, done) => {
      if (isAnonymous(request) && !PROBE.test(request.url))
        void this.countAnonymous((request as AddressedRequest)[ADDRESS]);
      done();
    });
  }

  /** Whether callers of a route may be refused here. */
  concern(path: string, rule: AccessRule): boolean {
    return this.isInstalled && rule !== 'local' && !PROBE.test(path);
  }

  /** Counts a call of someone who was let in. @throws RivuletError RATE_LIMITED */
  async admit(request: FastifyRequest, { kind, id }: Principal): Promise<void> {
    if (kind === 'anyone') this.refuseStranger(request);
    const count = kind === 'device' || kind === 'operator' ? this.counts[kind] : undefined;
    if (count === undefined) return;
    const { isExceeded, retryAfterSeconds } = await count(id);
    if (isExceeded) throw this.refused(kind as Limit, retryAfterSeconds);
  }

  /** As admit(), of a device; false where it may not be let in, which is for the usual way to say. */
  async admitKnown(deviceId: string, address: string): Promise<boolean> {
    if (this.overUntilMs.size > 0 && this.overUntilMs.has(networkOf(address))) return false;
    const taken = await this.counts.device?.(deviceId);
    return taken?.isExceeded !== true;
  }

  /** Counts what came without valid credentials. */
  async countAnonymous(address: string | undefined): Promise<void> {
    const network = networkOf(address);
    const taken = await this.counts.address?.(network);
    if (taken?.isExceeded === true)
      this.overUntilMs.set(network, performance.now() + taken.retryAfterSeconds * 1_000);
  }

  /** Returns what a refused caller is told: no more than that, when it has been refused too often. */
  refusalAfter(address: string, error: RivuletError): RivuletError {
    if (this.overUntilMs.size === 0 || RENEWABLE.has(error.code)) return error;
    return this.refusalOf(address) ?? error;
  }

  /** @returns the refusal of an address that is over its limit */
  refusalOf(address: string): RivuletError | undefined {
    const network = networkOf(address);
    const untilMs = this.overUntilMs.get(network);
    if (untilMs === undefined) return undefined;
    const seconds = Math.ceil((untilMs - performance.now()) / 1_000);
    if (seconds > 0) return this.refused('address', seconds);
    this.overUntilMs.delete(network);
    return undefined;
  }

  /** Who brings credentials is asked for them first: they may be valid. */
  private refusalBefore(request: FastifyRequest): RivuletError | undefined {
    const { headers, socket } = request;
    const mayBeKnown =
      headers.authorization !== undefined ||
      headers[this.credentialHeader ?? ''] !== undefined ||
      (socket as Partial<TLSSocket>).authorized;
    return mayBeKnown || isOpen(request) ? undefined : this.refusalOf(request.ip);
  }

  /** On a public route credentials prove nothing. */
  private refuseStranger(request: FastifyRequest): void {
    const refusal = this.overUntilMs.size === 0 || isOpen(request) ? undefined : this.refusalOf(request.ip);
    if (refusal) throw refusal;
  }

  private open(instance: FastifyInstance, { perDevice, perOperator, perAddress }: RateLimitSettings): void {
    const limits = { device: perDevice, operator: perOperator, address: perAddress };
    for (const limit of ['device', 'operator', 'address'] as const) {
      const max = limits[limit];
      if (max > 0) this.counts[limit] = counter(instance, max, KEYS_KEPT[limit]);
    }
  }

  private refused(limit: Limit, retryAfterSeconds: number): RivuletError {
    this.metrics.limited.inc({ limit });
    const who = limit === 'address' ? 'address without valid credentials' : limit;
    return new RivuletError('RATE_LIMITED', `There were too many calls of this ${who} in a minute.`, {
      retryAfterSeconds,
    });
  }
}

/** The library takes the key from a request; here it is the request. */
function counter(instance: FastifyInstance, max: number, cache: number): Count {
  const settings = { max, cache, timeWindow: WINDOW_MS, keyGenerator: ({ id }: FastifyRequest) => id };
  const take = instance.createRateLimit(settings);
  return async (key) => {
    const taken = await take({ id: key, routeOptions: {} } as FastifyRequest);
    if (taken.isAllowed) return { isExceeded: false, retryAfterSeconds: 0 };
    return { isExceeded: taken.isExceeded, retryAfterSeconds: Math.max(1, taken.ttlInSeconds) };
  };
}

function isOpen(request: FastifyRequest): boolean {
  return PROBE.test(request.url) || hasOwnLimit(request);
}

function isAnonymous({ principal }: FastifyRequest & PrincipalRequest): boolean {
  return principal === undefined || principal.kind === 'anyone';
}
