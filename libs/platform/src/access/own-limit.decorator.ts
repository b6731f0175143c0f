import type { FastifyRequest } from 'fastify';
import { addRouteConfig } from '../routes/route-config';

interface LimitedRoute {
  hasOwnLimit?: boolean;
}

/**
 * Says that a public route bounds its callers itself, by what they prove. It stays open for an address that is over its
 * limit, so that one caller there cannot shut out the others.
 */
export function OwnLimit(): MethodDecorator {
  return (_target, _property, { value }: PropertyDescriptor) =>
    addRouteConfig(value as object, { hasOwnLimit: true } satisfies LimitedRoute);
}

export function hasOwnLimit({ routeOptions }: FastifyRequest): boolean {
  return (routeOptions.config as LimitedRoute | undefined)?.hasOwnLimit === true;
}
