import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { statementTypes } from '@rivulet/protocol';
import { openStatement, StatementError } from '@rivulet/signatures';
import { LRUCache } from 'lru-cache';
import { SigningKey } from '../../signing/signing-key';
import { DevicesEnv } from '../devices.env';

interface AccessClaims {
  /** The central that issued it. */
  iss: string;
  /** The device. */
  sub: string;
  /** Thumbprint of the key by which the device got it. */
  jkt: string;
  /** Seconds since 1970. */
  exp: number;
}

interface VerifiedToken {
  claims: AccessClaims;
  /** Thumbprint. */
  signedBy: string;
}

/** Clocks of two centrals may differ by this. */
const LEEWAY_SECONDS = 30;
/** Tokens that are remembered: about 50,000. */
const TOKENS_MAX_BYTES = 32 * 1024 * 1024;
const TOKEN_BYTES = 640;
const TOKEN_MAX_CHARACTERS = 2_000;

/** Short-lived tokens that central signs for itself: every replica believes those of the others. */
@Injectable()
export class AccessTokens {
  /** By digest, so that memory holds no token. */
  private readonly verified = new LRUCache<string, VerifiedToken>({
    maxSize: TOKENS_MAX_BYTES,
    sizeCalculation: () => TOKEN_BYTES,
  });

  constructor(
    private readonly signingKey: SigningKey,
    private readonly env: DevicesEnv,
  ) {}

  async issue(deviceId: string, thumbprint: string): Promise<{ token: string; expiresInSeconds: number }> {
    const expiresInSeconds = Math.round(this.env.tokenLifeMs / 1_000);
    const claims: AccessClaims = {
      iss: this.signingKey.centralId,
      sub: deviceId,
      jkt: thumbprint,
      exp: nowSeconds() + expiresInSeconds,
    };
    return { token: await this.signingKey.sign(statementTypes.access, claims), expiresInSeconds };
  }

  /** @throws RivuletError ACCESS_TOKEN_INVALID · ACCESS_TOKEN_EXPIRED */
  async verify(token: string): Promise<Pick<AccessClaims, 'sub' | 'jkt' | 'exp'>> {
    if (token.length > TOKEN_MAX_CHARACTERS) throw invalid('It is too long.');
    const digest = hash('sha256', token);
    const { claims, signedBy } = this.verified.get(digest) ?? (await this.open(token));
    // Also of one that was believed before: the key may have been replaced because it leaked.
    if (!(await this.signingKey.isCurrent(signedBy))) throw invalid('Another key has signed it.');
    this.verified.set(digest, { claims, signedBy });
    if (claims.exp + LEEWAY_SECONDS < nowSeconds()) {
      throw new RivuletError('ACCESS_TOKEN_EXPIRED', 'The access token has expired.');
    }
    return claims;
  }

  /** As verify(), of a token that was verified before; undefined where that takes more than memory, or is refused. */
  recall(token: string): Pick<AccessClaims, 'sub' | 'jkt'> | undefined {
    if (token.length > TOKEN_MAX_CHARACTERS) return undefined;
    const { claims, signedBy } = this.verified.get(hash('sha256', token)) ?? {};
    const isValid = signedBy === this.signingKey.thumbprint && claims!.exp + LEEWAY_SECONDS >= nowSeconds();
    return isValid ? claims : undefined;
  }

  private async open(token: string): Promise<VerifiedToken> {
    try {
      const { json, signedBy } = await openStatement(token, statementTypes.access);
      const claims = JSON.parse(json) as AccessClaims;
      if (claims.iss !== this.signingKey.centralId) throw invalid('It is of another central.');
      return { claims, signedBy: signedBy.thumbprint };
    } catch (error) {
      if (error instanceof StatementError) throw invalid(error.message);
      throw error;
    }
  }
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

function invalid(reason: string): RivuletError {
  return new RivuletError('ACCESS_TOKEN_INVALID', `The access token is not valid. ${reason}`);
}
