import { hash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import {
  readDeviceKeyStatement,
  readTimeStatement,
  ShapeError,
  statementTypes,
  type Acknowledgement,
  type Assertion,
  type EnrolmentProof,
} from '@rivulet/protocol';
import { signStatement, type SigningPair } from '@rivulet/signatures';
import type { DeviceIdentity, EnrolledAs } from '../identity/device-identity';
import type { CallAuthentication } from './call-authentication';
import type { CentralHttp } from './central-http';
import { openAnswer } from './open-answer';

export interface KeyAuthenticationSettings {
  identity: DeviceIdentity;
  central: CentralHttp;
  macAddress: string;
  enrolmentToken: string | undefined;
  /** Thumbprint of central's key, when it is configured. */
  centralKey: string | undefined;
  timeoutMs: number;
  onEnrolled: (enrolment: EnrolledAs, isFirstTrusted: boolean) => void;
}

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ASSERTION_LIFE_SECONDS = 120;
/** A token is not used for the last part of its life: the call takes time too. */
const SPARE_MS = 30_000;

/** Central does not take the access token: another one may do. */
const RENEWED: ReadonlySet<ErrorCode> = new Set([
  'ACCESS_TOKEN_INVALID',
  'ACCESS_TOKEN_EXPIRED',
  'DEVICE_KEY_RETIRED',
]);
/** Central does not know this key: an operator who wants the device back gives it a new token. */
const STRANGER: readonly ErrorCode[] = ['DEVICE_KEY_UNKNOWN', 'DEVICE_KEY_RETIRED', 'DEVICE_QUARANTINED'];

/** Shows who this device is by its key, for which central gives short-lived access tokens. */
export class KeyAuthentication implements CallAuthentication {
  private token: { value: string; untilMs: number } | undefined;
  private running: Promise<string> | undefined;
  /** Central's time less the monotonic clock: this device's own may be at 1970 or 2099, and jump. */
  private centralOffsetMs: number | undefined;
  /** A token is tried once: it may be used up, and the next cycle would fail in the same way. */
  private triedToken = false;

  constructor(private readonly settings: KeyAuthenticationSettings) {}

  async headers(signal: AbortSignal): Promise<Record<string, string>> {
    return { authorization: `Bearer ${await this.accessToken(signal)}` };
  }

  renew(code: ErrorCode): boolean {
    if (!RENEWED.has(code) || this.token === undefined) return false;
    this.token = undefined;
    return true;
  }

  async signReport(report: Acknowledgement): Promise<string | undefined> {
    const { identity } = this.settings;
    const { deviceId } = identity.enrolment ?? {};
    return signStatement(identity.key, statementTypes.report, { deviceId, ...report });
  }

  private async accessToken(signal: AbortSignal): Promise<string> {
    if (this.token !== undefined && performance.now() < this.token.untilMs) return this.token.value;
    this.running ??= this.getToken(signal).finally(() => (this.running = undefined));
    return this.running;
  }

  private async getToken(signal: AbortSignal): Promise<string> {
    const { identity, enrolmentToken } = this.settings;
    const enrolment = identity.enrolment ?? (await this.enrol(identity.key, signal));
    try {
      return await this.redeem(enrolment, signal);
    } catch (error) {
      if (!hasCode(error, STRANGER) || enrolmentToken === undefined || this.triedToken) throw error;
      return this.redeem(await this.enrol(await identity.nextKey(), signal), signal);
    }
  }

  /** The time is asked for once more when central finds ours wrong: a device that slept has a clock that stood still. */
  private async redeem(enrolment: EnrolledAs, signal: AbortSignal): Promise<string> {
    if (this.centralOffsetMs === undefined) await this.learnTime(enrolment, signal);
    try {
      return await this.exchange(enrolment, signal);
    } catch (error) {
      if (!hasCode(error, ['ASSERTION_OUT_OF_TIME'])) throw error;
      await this.learnTime(enrolment, signal);
      return this.exchange(enrolment, signal);
    }
  }

  private async exchange({ deviceId, centralId }: EnrolledAs, signal: AbortSignal): Promise<string> {
    const { identity } = this.settings;
    const iat = Math.floor((performance.now() + this.centralOffsetMs!) / 1_000);
    const claims: Assertion = {
      iss: deviceId,
      aud: centralId,
      jti: newNonce(),
      iat,
      exp: iat + ASSERTION_LIFE_SECONDS,
      counter: await identity.nextCounter(),
    };
    const assertion = await signStatement(identity.key, statementTypes.assertion, claims);
    const askedAtMs = performance.now();
    const answer = await this.post('device-auth/token', { grant_type: GRANT, assertion }, signal);
    const { access_token: value, expires_in: seconds } = answer as Record<string, unknown>;
    if (typeof value !== 'string' || typeof seconds !== 'number') throw notValid('it has no access token');
    this.token = { value, untilMs: askedAtMs + seconds * 1_000 - SPARE_MS };
    return value;
  }

  /** @throws RivuletError EDGE_NOT_ENROLLED where central does not know the key and no token was given */
  private async enrol(key: SigningPair, signal: AbortSignal): Promise<EnrolledAs> {
    const { identity, macAddress, enrolmentToken: token, onEnrolled } = this.settings;
    this.triedToken = token !== undefined;
    const nonce = newNonce();
    const content: EnrolmentProof = {
      ...(token === undefined ? {} : { tokenDigest: hash('sha256', token) }),
      macAddress,
      name: hostname().slice(0, 100),
      nonce,
    };
    const proof = await signStatement(key, statementTypes.enrolment, content);
    const body = token === undefined ? { proof } : { token, proof };
    const answer = await this.post('device-auth/enrol', body, signal).catch((error: unknown) => {
      throw token === undefined && hasCode(error, STRANGER) ? notEnrolled(key.thumbprint) : error;
    });
    const pinned = this.settings.centralKey ?? token?.split('.')[1];
    const { json, signedBy } = await open(answer, statementTypes.deviceKey, pinned);
    const said = readShape(() => readDeviceKeyStatement(json));
    if (said.nonce !== nonce)
      throw new RivuletError('ANSWER_REPLAYED', 'The enrolment answers another request.');
    if (said.thumbprint !== key.thumbprint || said.macAddress !== macAddress) {
      throw new RivuletError(
        'ANSWER_FOREIGN',
        `The enrolment is for ${said.macAddress}, or for another key.`,
      );
    }
    this.setTime(said.issuedAt);
    const enrolment = { deviceId: said.deviceId, centralId: said.centralId, centralKey: signedBy };
    await identity.enrolled(enrolment, key);
    onEnrolled(enrolment, pinned === undefined);
    return enrolment;
  }

  private async learnTime({ centralKey, centralId }: EnrolledAs, signal: AbortSignal): Promise<void> {
    const nonce = newNonce();
    const { central, timeoutMs } = this.settings;
    const call = { method: 'GET', path: `device-auth/time?nonce=${nonce}` } as const;
    const answer = await central.json(call, timeoutMs, signal);
    const { json } = await open(answer, statementTypes.time, this.settings.centralKey ?? centralKey);
    const said = readShape(() => readTimeStatement(json));
    if (said.nonce !== nonce) throw new RivuletError('ANSWER_REPLAYED', 'The time answers another request.');
    if (said.centralId !== centralId) {
      throw new RivuletError(
        'ANSWER_FOREIGN',
        'The time is that of another central than the one of the enrolment.',
      );
    }
    this.setTime(said.issuedAt);
  }

  private setTime(issuedAt: string): void {
    this.centralOffsetMs = Date.parse(issuedAt) - performance.now();
  }

  private async post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const { central, timeoutMs } = this.settings;
    return central.json({ method: 'POST', path, body }, timeoutMs, signal);
  }
}

async function open(answer: unknown, type: string, trustedKey: string | undefined) {
  const { statement } = answer as { statement?: unknown };
  if (typeof statement !== 'string') throw notValid('it has no statement');
  return openAnswer(statement, { type, trustedKey });
}

function readShape<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ShapeError) throw notValid(error.message);
    throw error;
  }
}

function hasCode(error: unknown, codes: readonly ErrorCode[]): error is RivuletError {
  return error instanceof RivuletError && codes.includes(error.code);
}

function notValid(reason: string): RivuletError {
  return new RivuletError('CENTRAL_RESPONSE_INVALID', `Central's answer is not valid: ${reason}.`);
}

function notEnrolled(thumbprint: string): RivuletError {
  return new RivuletError('EDGE_NOT_ENROLLED', `Central does not know the key ${thumbprint} of this device.`);
}

function newNonce(): string {
  return randomBytes(18).toString('base64url');
}
