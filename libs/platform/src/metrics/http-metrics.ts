import type { FastifyInstance } from 'fastify';
import { Histogram, type Registry } from 'prom-client';
import { durationOf } from '../logging/request-duration';

const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export type RequestDurations = Histogram<'method' | 'route' | 'status'>;

/** Times every request by method, route pattern and status: never by path, of which there is no end. */
export function installHttpMetrics(instance: FastifyInstance, registry: Registry): RequestDurations {
  const duration: RequestDurations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its response.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  instance.addHook('onRequest', (request, reply, done) => {
    reply.raw.once('close', () => {
      const route = request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown');
      const labels = { method: request.method, route, status: reply.raw.statusCode };
      duration.observe(labels, durationOf(reply) / 1000);
    });
    done();
  });
  return duration;
}
