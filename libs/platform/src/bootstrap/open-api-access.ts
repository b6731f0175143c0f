import type { OpenAPIObject } from '@nestjs/swagger';
import type { AccessControl } from '../access/access-control';
import type { RateLimits } from '../access/rate-limits';
import type { RouteTable } from '../access/route-table';
import { addProblems, type ProblemResponse } from '../problem/api-problems.decorator';

const METHODS = ['get', 'put', 'post', 'delete', 'patch', 'head', 'options'] as const;

/** Adds to each operation of a document who may call it, how that is proved, and what the others are answered. */
export function describeAccess(
  document: OpenAPIObject,
  routes: RouteTable,
  access: AccessControl,
  limits: RateLimits,
): void {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      const rule = routes.ruleOf(method, path);
      if (operation === undefined || rule === undefined) continue;
      const { refusals, scheme } = access.of(rule);
      Object.assign(operation, { 'x-access': rule, security: scheme ? [{ [scheme.name]: [] }] : [] });
      addProblems(operation.responses as Record<string, ProblemResponse>, refusals);
      if (limits.concern(path, rule))
        addProblems(operation.responses as Record<string, ProblemResponse>, ['RATE_LIMITED']);
      if (scheme) ((document.components ??= {}).securitySchemes ??= {})[scheme.name] = scheme.definition;
    }
  }
}
