import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { patterns } from '@rivulet/protocol';
import { errors, jwtVerify, SignJWT } from 'jose';
import { UsersEnv } from '../users.env';
import { TokenSecret } from './token-secret';

const ALGORITHM = 'HS256';
const TYPE = 'rivulet-operator+jwt';
const ISSUER = 'rivulet';
const AUDIENCE = 'rivulet-operators';
/** Clocks of two centrals may differ by this. */
const LEEWAY_SECONDS = 30;
const TOKEN_MAX_CHARACTERS = 2_000;

export interface AccessClaims {
  userId: string;
  sessionId: string;
}

/** Access tokens of operators. What the user may do is not in them: that is looked up. */
@Injectable()
export class AccessJwt {
  constructor(
    private readonly secret: TokenSecret,
    private readonly env: UsersEnv,
  ) {}

  async issue({ userId, sessionId }: AccessClaims): Promise<{ token: string; expiresInSeconds: number }> {
    const expiresInSeconds = Math.round(this.env.tokenLifeMs / 1_000);
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const token = await new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(userId)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + expiresInSeconds)
      .sign(this.secret.bytes);
    return { token, expiresInSeconds };
  }

  /** @throws RivuletError OPERATOR_TOKEN_INVALID · OPERATOR_TOKEN_EXPIRED */
  async verify(token: string): Promise<AccessClaims> {
    if (token.length > TOKEN_MAX_CHARACTERS) throw invalidToken();
    try {
      const { payload } = await jwtVerify(token, this.secret.bytes, {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        clockTolerance: LEEWAY_SECONDS,
        requiredClaims: ['sub', 'sid', 'exp'],
      });
      const { sub, sid } = payload;
      if (!patterns.ulid.test(String(sub)) || !patterns.ulid.test(String(sid))) throw invalidToken();
      return { userId: String(sub), sessionId: String(sid) };
    } catch (error) {
      if (error instanceof errors.JWTExpired) {
        throw new RivuletError('OPERATOR_TOKEN_EXPIRED', 'The access token has expired.');
      }
      if (error instanceof errors.JOSEError || error instanceof TypeError) throw invalidToken();
      throw error;
    }
  }
}

export function invalidToken(): RivuletError {
  return new RivuletError('OPERATOR_TOKEN_INVALID', 'The access token or API key is not valid.');
}
