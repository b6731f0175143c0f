import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';

const WAITED_MS = Symbol('waited, in ms');

interface Waiting extends IncomingMessage {
  [WAITED_MS]?: number;
}

/** A request has waited before Fastify, which begins to count later. */
export function noteWait(request: Waiting, ms: number): void {
  request[WAITED_MS] = ms;
}

/** Milliseconds since a request was received. */
export function durationOf({ request, elapsedTime }: FastifyReply): number {
  return elapsedTime + ((request.raw as Waiting)[WAITED_MS] ?? 0);
}
