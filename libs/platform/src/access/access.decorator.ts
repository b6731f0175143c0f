import type { Type } from '@nestjs/common';
import { routesOf } from '../routes/routes-of';
import { addRouteConfig, routeConfigOf } from '../routes/route-config';
import type { AccessRule } from './access-rule';

interface AccessConfig {
  access?: AccessRule;
}

/** Says who may call a route; on a controller, each of its routes that does not say so itself. */
export function Access(rule: AccessRule): MethodDecorator & ClassDecorator {
  const config: AccessConfig = { access: rule };
  return (target: object, _property?: string | symbol, descriptor?: PropertyDescriptor) => {
    if (descriptor) {
      addRouteConfig(descriptor.value as object, config);
      return;
    }
    const routes = routesOf(target as Type).map(([, { value }]) => value as object);
    for (const route of routes) if (ruleIn(routeConfigOf(route)) === undefined) addRouteConfig(route, config);
  };
}

/** The rule in what Fastify knows of a route. */
export function ruleIn(config: object | undefined): AccessRule | undefined {
  const { access }: AccessConfig = config ?? {};
  return access;
}
