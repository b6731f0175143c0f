import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import { isUserId } from '../rules/topic-name';
import { RealtimeEnv } from '../realtime.env';
import type { Identity } from '../rules/identity';
import { fetchKeys } from './fetch-keys';
import { tokenInvalid } from './token-invalid';

/** Clocks may differ by this. */
const LEEWAY_SECONDS = 30;
const TIMEOUT_MS = 5_000;
/** An unknown key is asked for, but not more often. */
const COOLDOWN_MS = 30_000;
/** A key that was taken away is believed for so long. */
const CACHE_MS = 5 * 60_000;

/** The IDs of those whom central knows itself begin so, and no user of an application may have one. */
const OWN_IDS = /^(operator|device|rivulet):/;

type Keys = { kind: 'public'; get: JWTVerifyGetKey } | { kind: 'secret'; secret: Uint8Array };

/** Tokens that the data owner's application issues for its users. */
@Injectable()
export class ApplicationTokens {
  private constructor(
    private readonly env: RealtimeEnv,
    private keys: Keys | undefined,
  ) {}

  /** @throws RivuletError ENVIRONMENT_INVALID · REALTIME_FILE_INVALID when the file of keys cannot be used */
  static async load(env: RealtimeEnv): Promise<ApplicationTokens> {
    const { jwksUrl, jwksFile, secret, issuer, audience } = env;
    const sources = [jwksUrl, jwksFile, secret].filter((source) => source !== undefined);
    if (sources.length > 1) {
      throw new RivuletError(
        'ENVIRONMENT_INVALID',
        'Set one of CENTRAL_REALTIME_JWKS_URL, CENTRAL_REALTIME_JWKS_FILE and CENTRAL_REALTIME_SECRET.',
      );
    }
    if (sources.length === 1 && (issuer === undefined || audience === undefined)) {
      throw new RivuletError(
        'ENVIRONMENT_INVALID',
        'CENTRAL_REALTIME_ISSUER and CENTRAL_REALTIME_AUDIENCE must be set, as tokens for others are not believed.',
      );
    }
    return new ApplicationTokens(env, await readKeys(env));
  }

  /** @throws RivuletError REALTIME_FILE_INVALID, and then the keys before stay in force */
  async reload(): Promise<void> {
    if (this.env.jwksFile !== undefined) this.keys = await readKeys(this.env);
  }

  /** @throws RivuletError REALTIME_TOKEN_INVALID · SERVER_BUSY when the keys cannot be fetched */
  async verify(token: string): Promise<Identity> {
    if (this.keys === undefined)
      throw tokenInvalid('Central knows no application whose tokens it could believe.');
    const payload = await this.open(token, this.keys);
    const { sub, exp } = payload;
    if (sub === undefined || !isUserId(sub)) throw tokenInvalid('Its `sub` is missing, or no user ID.');
    if (OWN_IDS.test(sub)) throw tokenInvalid('Its `sub` begins as those of operators and devices do.');
    const claims = { ...payload, kind: 'user' };
    return { kind: 'user', userId: sub, claims, expiresAtMs: (exp! + LEEWAY_SECONDS) * 1_000 };
  }

  private async open(token: string, keys: Keys): Promise<JWTPayload> {
    const options = {
      issuer: this.env.issuer!,
      audience: this.env.audience!,
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ['sub', 'exp'],
    };
    try {
      const { payload } =
        keys.kind === 'secret'
          ? await jwtVerify(token, keys.secret, { ...options, algorithms: ['HS256'] })
          : await jwtVerify(token, keys.get, { ...options, algorithms: this.env.algorithms });
      return payload;
    } catch (error) {
      if (isKeysAway(error)) {
        throw new RivuletError('SERVER_BUSY', 'The keys of the application cannot be fetched.', {
          cause: error,
          retryAfterSeconds: 5,
        });
      }
      if (error instanceof errors.JWTExpired) throw tokenInvalid('It has expired.');
      // The reasons of jose name no content of the token.
      if (error instanceof errors.JOSEError) throw tokenInvalid(`${error.message}.`);
      throw error;
    }
  }
}

async function readKeys({ jwksUrl, jwksFile, secret }: RealtimeEnv): Promise<Keys | undefined> {
  if (secret !== undefined) return { kind: 'secret', secret: new TextEncoder().encode(secret) };
  if (jwksFile !== undefined) return { kind: 'public', get: await readKeyFile(jwksFile) };
  if (jwksUrl === undefined) return undefined;
  const get = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: CACHE_MS,
    [customFetch]: fetchKeys,
  });
  return { kind: 'public', get };
}

async function readKeyFile(path: string): Promise<JWTVerifyGetKey> {
  try {
    return createLocalJWKSet(JSON.parse(await readFile(path, 'utf8')) as JSONWebKeySet);
  } catch (error) {
    const message = `${path} has no JSON Web Key Set: ${(error as Error).message}.`;
    throw new RivuletError('REALTIME_FILE_INVALID', message, { cause: error });
  }
}

function isKeysAway(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout) return true;
  return (
    error instanceof errors.JOSEError &&
    error.code === 'ERR_JOSE_GENERIC' &&
    /JSON Web Key Set/.test(error.message)
  );
}
