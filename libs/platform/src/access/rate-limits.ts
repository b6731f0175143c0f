import type { TLSSocket } from 'node:tls';
import { Injectable } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { AccessRule } from './access-rule';
import { CallCounts } from './call-counts';
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
  private readonly counts: Partial<Record<Limit, CallCounts>> = {};
  /** By network: until when, by the monotonic clock. Empty nearly always, so that a call costs nothing. */
  private readonly overUntilMs = new LRUCache<string, number>(atMostEntries(KEYS_KEPT.address));

  private isInstalled = false;
  private credentialHeader: string | undefined;

  constructor(private readonly metrics: RateLimitsMetrics) {}

  install(instance: FastifyInstance, settings: RateLimitSettings): void {
    this.isInstalled = true;
    this.credentialHeader = settings.credentialHeader;
    const { perDevice, perOperator, perAddress } = settings;
    const limits = { device: perDevice, operator: perOperator, address: perAddress };
    for (const limit of ['device', 'operator', 'address'] as const) {
      const max = limits[limit];
      if (max > 0) this.counts[limit] = new CallCounts(max, WINDOW_MS, KEYS_KEPT[limit]);
    }
    instance.addHook('onRequest', (request, _reply, done) => {
      (request as AddressedRequest)[ADDRESS] = request.ip;
      done(this.overUntilMs.size === 0 ? undefined : this.refusalBefore(request));
    });
    instance.addHook('onResponse', (request, _reply, done) => {
      if (isAnonymous(request) && !PROBE.test(request.url))
        this.countAnonymous((request as AddressedRequest)[ADDRESS]);
      done();
    });
  }

  /** Whether callers of a route may be refused here. */
  concern(path: string, rule: AccessRule): boolean {
    return this.isInstalled && rule !== 'local' && !PROBE.test(path);
  }

  /** Counts a call of someone who was let in. @throws RivuletError RATE_LIMITED */
  admit(request: FastifyRequest, { kind, id }: Principal): void {
    if (kind === 'anyone') this.refuseStranger(request);
    if (kind !== 'device' && kind !== 'operator') return;
    const waitMs = this.counts[kind]?.take(id) ?? 0;
    if (waitMs > 0) throw this.refused(kind, waitMs);
  }

  /** As admit(), of a device; false where it may not be let in, which is for the usual way to say. */
  admitKnown(deviceId: string, address: string): boolean {
    if (this.overUntilMs.size > 0 && this.overUntilMs.has(networkOf(address))) return false;
    return (this.counts.device?.take(deviceId) ?? 0) === 0;
  }

  /** Counts what came without valid credentials. */
  countAnonymous(address: string | undefined): void {
    const network = networkOf(address);
    const waitMs = this.counts.address?.take(network) ?? 0;
    if (waitMs > 0) this.overUntilMs.set(network, performance.now() + waitMs);
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
    const waitMs = untilMs - performance.now();
    if (waitMs > 0) return this.refused('address', waitMs);
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

  private refused(limit: Limit, waitMs: number): RivuletError {
    this.metrics.limited.inc({ limit });
    const who = limit === 'address' ? 'address without valid credentials' : limit;
    return new RivuletError('RATE_LIMITED', `There were too many calls of this ${who} in a minute.`, {
      retryAfterSeconds: Math.ceil(waitMs / 1_000),
    });
  }
}

function isOpen(request: FastifyRequest): boolean {
  return PROBE.test(request.url) || hasOwnLimit(request);
}

function isAnonymous({ principal }: FastifyRequest & PrincipalRequest): boolean {
  return principal === undefined || principal.kind === 'anyone';
}
