import { createHash, timingSafeEqual } from 'node:crypto';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { LocalAuthenticator, type Authenticator, type Principal } from '@rivulet/platform';
import type { FastifyRequest } from 'fastify';

const tokenHolder: Principal = { kind: 'local', id: 'api-token', name: 'the API token' };

/** Lets in this machine, and whoever has the token. A wrong token is refused wherever it comes from. */
export class TokenAuthenticator implements Authenticator {
  private readonly local = new LocalAuthenticator();
  private readonly digest: Buffer;

  readonly refusals: readonly ErrorCode[] = [...this.local.refusals, 'API_TOKEN_INVALID'];
  readonly scheme = {
    name: 'api-token',
    definition: {
      type: 'http',
      scheme: 'bearer',
      description: 'EDGE_API_TOKEN; not needed on this machine.',
    },
  } as const;

  constructor(token: string) {
    this.digest = sha256(token);
  }

  /** @throws RivuletError CALLER_NOT_LOCAL · API_TOKEN_INVALID */
  authenticate(request: FastifyRequest): Principal {
    const { authorization } = request.headers;
    if (authorization === undefined) return this.local.authenticate(request);
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    if (token !== undefined && timingSafeEqual(sha256(token), this.digest)) return tokenHolder;
    throw new RivuletError('API_TOKEN_INVALID', 'The token is not the one of EDGE_API_TOKEN.');
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
