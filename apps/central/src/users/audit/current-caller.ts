import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { PrincipalRequest } from '@rivulet/platform';
import type { FastifyRequest } from 'fastify';
import type { OperatorPrincipal } from '../operator-principal';

/** Who calls, and from where: what the audit log says of a change. */
export interface Caller {
  /** Undefined for somebody who is not logged in. */
  operator?: OperatorPrincipal | undefined;
  address: string;
  requestId: string;
}

export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { principal, ip, id } = context.switchToHttp().getRequest<FastifyRequest & PrincipalRequest>();
  const operator = principal?.kind === 'operator' ? (principal as OperatorPrincipal) : undefined;
  return { operator, address: ip, requestId: id };
});
