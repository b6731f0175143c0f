import type { FastifyRequest } from 'fastify';
import { addRouteConfig } from '../../routes/route-config';
import type { JsonLimits } from './measure-json';

/** The limits of every route that declares no others. An acknowledgement of 1,000 tables has 4,009 values. */
const DEFAULT_LIMITS: JsonLimits = { maxDepth: 32, maxValues: 10_000 };

interface LimitedRoute {
  bodyLimits?: Partial<JsonLimits>;
}

/**
 * Lets the bodies of a route hold more, or less, than those of others. Their bytes are limited apart from this.
 *
 * @public
 */
export function BodyLimits(limits: Partial<JsonLimits>): MethodDecorator {
  return (_target, _property, descriptor) =>
    addRouteConfig(descriptor.value as object, { bodyLimits: limits } satisfies LimitedRoute);
}

export function bodyLimitsOf({ routeOptions }: FastifyRequest): JsonLimits {
  const { bodyLimits } = routeOptions.config as LimitedRoute;
  return bodyLimits === undefined ? DEFAULT_LIMITS : { ...DEFAULT_LIMITS, ...bodyLimits };
}
