import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Global, Injectable, Module } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { Gauge, Registry } from 'prom-client';
import { noteWait } from '../logging/request-duration';
import { UNBOUNDED_BODY_BYTES } from './body/body-budget';
import { listenFirst } from './http-server';

export interface AtOnceLimits {
  /** Requests that are worked on at once. */
  requests: number;
  /** Longer than that none keeps others waiting: what takes so long waits for something itself. */
  turnMs: number;
  /** None waits longer than that for its turn, however many are before it. */
  waitMs: number;
}

const DEFAULT_LIMITS: AtOnceLimits = { requests: 256, turnMs: 1_000, waitMs: 5_000 };

/**
 * Bounds how many requests of a route are worked on at once. When a whole fleet asks in the same second all its requests would
 * be checked and looked up before the first is answered, and each keeps 15 KiB meanwhile; here they wait as they were
 * received, first come, first served. See docs/adr/0025.
 */
@Injectable()
export class RequestsAtOnce {
  private readonly routes = new Map<string, Turns>();

  constructor(registry: Registry) {
    const waiting = new Gauge({
      name: 'http_requests_waiting',
      help: 'Requests that have been received and wait for their turn, of routes that work on so many at once.',
      labelNames: ['route'],
      registers: [registry],
      collect: () => this.routes.forEach((turns, route) => waiting.set({ route }, turns.waiting)),
    });
  }

  limit(route: string, limits: Partial<AtOnceLimits> = {}): void {
    this.routes.set(route, new Turns({ ...DEFAULT_LIMITS, ...limits }));
  }

  /**
   * Those that have arrived with a small body wait before Fastify, where they keep least. Others have their turn when
   * their body has been read, within the bounds of all bodies: half a body takes none.
   */
  install(instance: FastifyInstance): void {
    listenFirst(instance.server, (usually) => (request, response) => {
      const turns = this.routes.get(request.url!);
      if (turns === undefined) usually(request, response);
      else waitFirst(turns, request, response, usually);
    });
    instance.addHook('preHandler', (request, reply, done) => {
      const turns = this.routes.get(request.routeOptions.url ?? '');
      if (turns === undefined || hasHadTurn(reply.raw)) done();
      else turns.take({ response: reply.raw, begin: done });
    });
  }
}

function waitFirst(
  turns: Turns,
  request: IncomingMessage,
  response: ServerResponse,
  usually: RequestListener,
): void {
  const receivedMs = performance.now();
  const begin = (): void => {
    noteWait(request, performance.now() - receivedMs);
    usually(request, response);
  };
  // Until then the parser goes on to the end of what it was given.
  setImmediate(() => (hasArrived(request) ? turns.take({ response, begin }) : begin()));
}

function hasArrived({ complete, readableLength }: IncomingMessage): boolean {
  return complete && readableLength <= UNBOUNDED_BODY_BYTES;
}

const HAS_HAD_TURN = Symbol('has had a turn');

interface TurnResponse extends ServerResponse {
  [HAS_HAD_TURN]?: true;
}

interface Turn {
  response: TurnResponse;
  begin: () => void;
}

function hasHadTurn(response: TurnResponse): boolean {
  return response[HAS_HAD_TURN] === true;
}

class Turns {
  private taken = 0;
  private readonly queue = new Map<Turn, NodeJS.Timeout>();

  constructor(private readonly limits: AtOnceLimits) {}

  get waiting(): number {
    return this.queue.size;
  }

  take(turn: Turn): void {
    if (turn.response.destroyed) return;
    if (this.taken < this.limits.requests) this.begin(turn);
    else {
      this.queue.set(turn, setTimeout(() => this.begin(turn), this.limits.waitMs).unref());
      turn.response.once('close', () => this.leave(turn));
    }
  }

  private leave(turn: Turn): void {
    clearTimeout(this.queue.get(turn));
    this.queue.delete(turn);
  }

  private begin(turn: Turn): void {
    this.leave(turn);
    turn.response[HAS_HAD_TURN] = true;
    this.taken += 1;
    const end = (): void => {
      clearTimeout(timer);
      turn.response.off('close', end);
      this.taken -= 1;
      this.beginNext();
    };
    const timer = setTimeout(end, this.limits.turnMs).unref();
    turn.response.once('close', end);
    turn.begin();
  }

  private beginNext(): void {
    const [next] = this.queue.keys();
    if (next !== undefined && this.taken < this.limits.requests) this.begin(next);
  }
}

@Global()
@Module({ providers: [RequestsAtOnce], exports: [RequestsAtOnce] })
export class RequestsAtOnceModule {}
