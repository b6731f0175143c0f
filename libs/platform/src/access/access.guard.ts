import { createParamDecorator, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { FastifyRequest } from 'fastify';
import type { RateLimits } from './rate-limits';
import { AccessControl } from './access-control';
import { ruleIn } from './access.decorator';
import { AccessMetrics } from './access.metrics';
import type { Principal, PrincipalRequest } from './principal';

type GuardedRequest = FastifyRequest & PrincipalRequest;

/** Global: every route asks the authenticator of its rule before anything else looks at the request. */
export class AccessGuard implements CanActivate {
  constructor(
    private readonly access: AccessControl,
    private readonly metrics: AccessMetrics,
    private readonly limits: RateLimits,
  ) {}

  /** @throws RivuletError with a code of the rule's authenticator; RATE_LIMITED */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<GuardedRequest>();
    const rule = ruleIn(request.routeOptions.config);
    try {
      request.principal = await this.access.of(rule).authenticate(request, rule!);
    } catch (error) {
      if (!(error instanceof RivuletError)) throw error;
      this.metrics.refusals.inc({ rule: rule!, code: error.code });
      throw this.limits.refusalAfter(request.ip, error);
    }
    this.limits.admit(request, request.principal);
    return true;
  }
}

/** Whoever the access guard has let in. */
export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  return context.switchToHttp().getRequest<GuardedRequest>().principal!;
});
