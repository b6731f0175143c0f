import { Injectable } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { AccessRule, Authenticator } from '@rivulet/platform';
import type { FastifyRequest } from 'fastify';
import { UserDirectory, type KnownUser } from '../user-directory';
import { ApiKeys, isApiKey } from '../api-keys/api-keys';
import { CheckPassword } from '../passwords/check-password';
import { includesRole, lowerRole, type Role } from '../role';
import { AccessJwt, invalidToken } from '../sessions/access-jwt';
import type { OperatorPrincipal } from '../operator-principal';

/** The routes open to a user whose password must be changed first. */
const OPEN_BEFORE_CHANGE = new Set(['/api/me', '/api/me/password', '/api/logout']);

type OperatorCall = Pick<FastifyRequest, 'headers' | 'id' | 'ip' | 'routeOptions'>;
type Identity = Omit<OperatorPrincipal, 'kind' | 'id' | 'name'> & { user: KnownUser };

/** Finds out which operator is calling: by access token, by API key, or by user name with a password or an API key. */
@Injectable()
export class OperatorAuthenticator implements Authenticator {
  readonly refusals: readonly ErrorCode[] = [
    'OPERATOR_UNIDENTIFIED',
    'OPERATOR_TOKEN_INVALID',
    'OPERATOR_TOKEN_EXPIRED',
    'LOGIN_FAILED',
    'LOGIN_THROTTLED',
    'PASSWORD_CHANGE_NEEDED',
    'ROLE_INSUFFICIENT',
  ];
  readonly scheme = {
    name: 'operator',
    definition: {
      type: 'http',
      scheme: 'bearer',
      description:
        'An access token of POST /api/login, or an API key. Basic with a user name and a password or API key works, too.',
    },
  } as const;

  constructor(
    private readonly jwt: AccessJwt,
    private readonly directory: UserDirectory,
    private readonly keys: ApiKeys,
    private readonly passwords: CheckPassword,
  ) {}

  /** @throws RivuletError with one of its codes */
  async authenticate(call: OperatorCall, rule: AccessRule): Promise<OperatorPrincipal> {
    const { user, ...identity } = await this.identify(call);
    if (user.isDisabled) throw invalidToken();
    if (user.mustChangePassword && !OPEN_BEFORE_CHANGE.has(call.routeOptions.url ?? '')) {
      throw new RivuletError('PASSWORD_CHANGE_NEEDED', 'The password must be changed before anything else.');
    }
    if (!includesRole(identity.role, rule as Role)) {
      throw new RivuletError('ROLE_INSUFFICIENT', `This is for the role ${rule}; yours is ${identity.role}.`);
    }
    return { kind: 'operator', id: user.userId, name: user.username, ...identity };
  }

  private async identify({ headers, ip, id }: OperatorCall): Promise<Identity> {
    const [, scheme, value] = /^(Bearer|Basic) +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
    if (scheme === undefined || value === undefined) {
      throw new RivuletError('OPERATOR_UNIDENTIFIED', 'The request has no credentials of an operator.');
    }
    if (scheme.toLowerCase() === 'basic') return this.byName(value, { address: ip, requestId: id });
    return isApiKey(value) ? this.byKey(value) : this.byToken(value);
  }

  private async byToken(token: string): Promise<Identity> {
    const { userId, sessionId } = await this.jwt.verify(token);
    const user = await this.directory.findBySession(sessionId, userId);
    if (user === undefined) throw invalidToken();
    return { user, role: user.role, via: 'session', sessionId };
  }

  private async byKey(text: string, login?: string): Promise<Identity> {
    const key = await this.keys.find(text);
    if (key === undefined || (login !== undefined && !isNameOf(key.user, login))) throw invalidToken();
    if (key.expiresAt.getTime() <= Date.now()) {
      throw new RivuletError('OPERATOR_TOKEN_EXPIRED', 'The API key has expired.');
    }
    this.keys.noteUse(key);
    const { user, keyId, keyRole } = key;
    return { user, role: lowerRole(user.role, keyRole), via: 'api-key', keyId };
  }

  private async byName(encoded: string, origin: { address: string; requestId: string }): Promise<Identity> {
    const text = Buffer.from(encoded, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon === -1) throw new RivuletError('LOGIN_FAILED', 'Basic credentials are a name and a password.');
    const [login, password] = [text.slice(0, colon), text.slice(colon + 1)];
    if (isApiKey(password)) return this.byKey(password, login);
    const user = await this.passwords.check({ login, password, ...origin });
    return { user, role: user.role, via: 'password' };
  }
}

function isNameOf({ username, email }: KnownUser, login: string): boolean {
  return [username, email].some((name) => name?.toLowerCase() === login.toLowerCase());
}
