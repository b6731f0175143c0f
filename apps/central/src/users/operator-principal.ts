import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Principal, PrincipalRequest } from '@rivulet/platform';
import type { FastifyRequest } from 'fastify';
import type { Role } from './role';

/** An operator who has been let in. */
export interface OperatorPrincipal extends Principal {
  kind: 'operator';
  /** The user's role, or the lower role of its API key. */
  role: Role;
  via: 'session' | 'password' | 'api-key';
  /** The session's id. */
  sessionId?: string;
  /** The API key's id. */
  keyId?: string;
}

/** Whoever is calling an operator route. */
export const CurrentOperator = createParamDecorator(
  (_: unknown, context: ExecutionContext): OperatorPrincipal => {
    const { principal } = context.switchToHttp().getRequest<FastifyRequest & PrincipalRequest>();
    return principal as OperatorPrincipal;
  },
);
