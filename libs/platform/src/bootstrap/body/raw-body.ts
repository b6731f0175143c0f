import type { FastifyRequest } from 'fastify';
import { addRouteConfig } from '../../routes/route-config';

interface RawBodyRoute {
  keepRawBody?: boolean;
}

const rawBodies = new WeakMap<FastifyRequest, Buffer>();

/** Keeps the bytes of a route's bodies, which a signature is over, for as long as the request lasts. */
export function KeepRawBody(): MethodDecorator {
  return (_target, _property, descriptor) =>
    addRouteConfig(descriptor.value as object, { keepRawBody: true } satisfies RawBodyRoute);
}

/** Empty where there was no body, or the route does not keep it. */
export function rawBodyOf(request: FastifyRequest): Buffer {
  return rawBodies.get(request) ?? Buffer.alloc(0);
}

export function keepRawBody(request: FastifyRequest, bytes: Buffer): void {
  if ((request.routeOptions.config as RawBodyRoute).keepRawBody === true) rawBodies.set(request, bytes);
}
