import type { DocumentBuilder } from '@nestjs/swagger';
import type { ErrorCode } from '@rivulet/errors';
import type { FastifyRequest } from 'fastify';
import type { AccessRule } from './access-rule';
import type { Principal } from './principal';

/** How a caller proves itself, for the OpenAPI document. */
export interface SecurityScheme {
  name: string;
  definition: Parameters<DocumentBuilder['addSecurity']>[1];
}

/** Finds out who calls. A feature brings one for the rules that it answers for. */
export interface Authenticator {
  /** The codes that it refuses with, for the document of each route. */
  readonly refusals: readonly ErrorCode[];
  readonly scheme?: SecurityScheme;

  /** @throws RivuletError with one of its codes when the rule does not let the caller in */
  authenticate(request: FastifyRequest, rule: AccessRule): Principal | Promise<Principal>;
}
