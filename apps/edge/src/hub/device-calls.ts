import { hash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import {
  readDeviceKeyStatement,
  readTimeStatement,
  ShapeError,
  statementTypes,
  type Assertion,
  type DeviceKeyStatement,
  type EnrolmentProof,
  type NextKeyProof,
} from '@rivulet/protocol';
import { signStatement, type SigningPair } from '@rivulet/signatures';
import type { DeviceIdentity, EnrolledAs } from '../identity/device-identity';
import type { CentralHttp } from './central-http';
import type { CentralTrust } from './central-trust';
import { openAnswer } from './open-answer';

export interface DeviceCallsSettings {
  identity: DeviceIdentity;
  central: CentralHttp;
  macAddress: string;
  /** Thumbprint of central's key, when it is configured. */
  centralKey: string | undefined;
  trust: Pick<CentralTrust, 'current' | 'follow'>;
  timeoutMs: number;
}

export interface AccessToken {
  value: string;
  /** By the monotonic clock. */
  untilMs: number;
}

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ASSERTION_LIFE_SECONDS = 120;
/** A token is not used for the last part of its life: the call takes time too. */
const SPARE_MS = 30_000;

/** The calls by which a device makes itself known at central, signed with its key. */
export class DeviceCalls {
  /** Central's time less the monotonic clock: this device's own may be at 1970 or 2099, and jump. */
  private centralOffsetMs: number | undefined;

  constructor(private readonly settings: DeviceCallsSettings) {}

  /** Central's time. Only in the work of {@link knowingTime}, and after it. */
  get centralNowMs(): number {
    return performance.now() + this.centralOffsetMs!;
  }

  /** The time is asked for once more when central finds ours wrong: a device that slept has a clock that stood still. */
  async knowingTime<T>(enrolment: EnrolledAs, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.centralOffsetMs === undefined) await this.learnTime(enrolment, signal);
    try {
      return await work();
    } catch (error) {
      if (!hasCode(error, ['ASSERTION_OUT_OF_TIME'])) throw error;
      await this.learnTime(enrolment, signal);
      return work();
    }
  }

  async exchange(enrolment: EnrolledAs, key: SigningPair, signal: AbortSignal): Promise<AccessToken> {
    const claims = await this.claims(enrolment);
    const assertion = await signStatement(key, statementTypes.assertion, claims);
    const askedAtMs = performance.now();
    const answer = await this.post('device-auth/token', { grant_type: GRANT, assertion }, signal);
    const { access_token: value, expires_in: seconds } = answer as Record<string, unknown>;
    if (typeof value !== 'string' || typeof seconds !== 'number') throw notValid('it has no access token');
    return { value, untilMs: askedAtMs + seconds * 1_000 - SPARE_MS };
  }

  /** Tells central which key is to take the place of the one that it knows. */
  async announce(
    enrolment: EnrolledAs,
    from: SigningPair,
    to: SigningPair,
    signal: AbortSignal,
  ): Promise<void> {
    const { deviceId, centralId } = enrolment;
    const nonce = newNonce();
    const proof: NextKeyProof = { deviceId, centralId, replaces: from.thumbprint, nonce };
    const nextKey = await signStatement(to, statementTypes.nextKey, proof);
    const claims = { ...(await this.claims(enrolment)), nextKey };
    const rotation = await signStatement(from, statementTypes.keyRotation, claims);
    const answer = await this.post('device-auth/keys', { rotation }, signal);
    const expected = { key: to, nonce, centralId, signal };
    const said = await this.openKeyStatement(answer, enrolment.centralKey, expected);
    if (said.deviceId !== deviceId) throw foreign(`The key was entered for device ${said.deviceId}.`);
  }

  /** @returns what the device is enrolled as, and whether nothing said which key central has */
  async enrol(
    key: SigningPair,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<{ enrolment: EnrolledAs; isFirstTrusted: boolean }> {
    const { macAddress, centralKey } = this.settings;
    const nonce = newNonce();
    const content: EnrolmentProof = {
      ...(token === undefined ? {} : { tokenDigest: hash('sha256', token) }),
      macAddress,
      name: hostname().slice(0, 100),
      nonce,
    };
    const proof = await signStatement(key, statementTypes.enrolment, content);
    const body = token === undefined ? { proof } : { token, proof };
    const answer = await this.post('device-auth/enrol', body, signal);
    const pinned = centralKey ?? token?.split('.')[1];
    const { signedBy, ...said } = await this.openKeyStatement(answer, pinned, { key, nonce, signal });
    this.setTime(said.issuedAt);
    const { deviceId, centralId, issuedAt: keySince } = said;
    const enrolment = { deviceId, centralId, centralKey: signedBy, keySince };
    return { enrolment, isFirstTrusted: pinned === undefined };
  }

  private async openKeyStatement(
    answer: unknown,
    trustedKey: string | undefined,
    { key, nonce, ...from }: { key: SigningPair; nonce: string; centralId?: string; signal: AbortSignal },
  ): Promise<DeviceKeyStatement & { signedBy: string }> {
    const { json, signedBy } = await this.open(answer, statementTypes.deviceKey, trustedKey, from);
    const said = readShape(() => readDeviceKeyStatement(json));
    if (said.nonce !== nonce) {
      throw new RivuletError('ANSWER_REPLAYED', "Central's answer about the key belongs to another request.");
    }
    if (said.thumbprint !== key.thumbprint || said.macAddress !== this.settings.macAddress) {
      throw foreign(`The answer is about a key of ${said.macAddress}, or about another key.`);
    }
    return { ...said, signedBy };
  }

  private async claims({ deviceId, centralId }: EnrolledAs): Promise<Assertion> {
    const iat = Math.floor(this.centralNowMs / 1_000);
    return {
      iss: deviceId,
      aud: centralId,
      jti: newNonce(),
      iat,
      exp: iat + ASSERTION_LIFE_SECONDS,
      counter: await this.settings.identity.nextCounter(),
    };
  }

  private async learnTime({ centralKey, centralId }: EnrolledAs, signal: AbortSignal): Promise<void> {
    const nonce = newNonce();
    const { central, timeoutMs } = this.settings;
    const call = { method: 'GET', path: `device-auth/time?nonce=${nonce}` } as const;
    const answer = await central.json(call, timeoutMs, signal);
    const { json } = await this.open(answer, statementTypes.time, centralKey, { centralId, signal });
    const said = readShape(() => readTimeStatement(json));
    if (said.nonce !== nonce) throw new RivuletError('ANSWER_REPLAYED', 'The time answers another request.');
    if (said.centralId !== centralId) {
      throw foreign('The time is that of another central than the one of the enrolment.');
    }
    this.setTime(said.issuedAt);
  }

  private async open(
    answer: unknown,
    type: string,
    key: string | undefined,
    { centralId, signal }: { centralId?: string; signal: AbortSignal },
  ): Promise<{ json: string; signedBy: string }> {
    const { statement } = answer as { statement?: unknown };
    if (typeof statement !== 'string') throw notValid('it has no statement');
    const { trust, centralKey } = this.settings;
    const follow = (trusted: string, signedBy: string): Promise<void> =>
      trust.follow(trusted, signedBy, signal, centralId);
    return openAnswer(statement, { type, trustedKey: trust.current(centralKey ?? key), follow });
  }

  private setTime(issuedAt: string): void {
    this.centralOffsetMs = Date.parse(issuedAt) - performance.now();
  }

  private async post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const { central, timeoutMs } = this.settings;
    return central.json({ method: 'POST', path, body }, timeoutMs, signal);
  }
}

function readShape<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ShapeError) throw notValid(error.message);
    throw error;
  }
}

export function hasCode(error: unknown, codes: readonly ErrorCode[]): error is RivuletError {
  return error instanceof RivuletError && codes.includes(error.code);
}

function foreign(message: string): RivuletError {
  return new RivuletError('ANSWER_FOREIGN', message);
}

function notValid(reason: string): RivuletError {
  return new RivuletError('CENTRAL_RESPONSE_INVALID', `Central's answer is not valid: ${reason}.`);
}

function newNonce(): string {
  return randomBytes(18).toString('base64url');
}
