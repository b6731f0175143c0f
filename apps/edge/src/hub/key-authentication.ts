import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { statementTypes, type Acknowledgement } from '@rivulet/protocol';
import { signStatement, type SigningPair } from '@rivulet/signatures';
import type { EnrolledAs } from '../identity/device-identity';
import type { CallAuthentication, RotatedKey } from './call-authentication';
import { DeviceCalls, hasCode, type AccessToken, type DeviceCallsSettings } from './device-calls';

export interface KeyAuthenticationSettings extends DeviceCallsSettings {
  enrolmentToken: string | undefined;
  /** A key that is older is replaced; 0: none is. */
  keyMaxAgeMs: number;
  onEnrolled: (enrolment: EnrolledAs, isFirstTrusted: boolean) => void;
  onRotated: (rotated: RotatedKey) => void;
  onRotationFailed: (error: unknown) => void;
}

/** After a rotation that came to nothing. The old key is as good meanwhile. */
const ROTATION_RETRY_MS = 3_600_000;

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
  private readonly calls: DeviceCalls;
  private token: AccessToken | undefined;
  private running: Promise<string> | undefined;
  private rotating: Promise<RotatedKey> | undefined;
  /** By the monotonic clock. */
  private noRotationUntilMs = 0;
  /** A token is tried once: it may be used up, and the next cycle would fail in the same way. */
  private triedToken = false;

  constructor(private readonly settings: KeyAuthenticationSettings) {
    this.calls = new DeviceCalls(settings);
  }

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

  /** @throws RivuletError EDGE_KEY_FIXED · EDGE_NOT_ENROLLED · what central answers */
  async rotateKey(signal: AbortSignal): Promise<RotatedKey> {
    this.rotating ??= this.rotateAlone(signal).finally(() => (this.rotating = undefined));
    return this.rotating;
  }

  private async rotateAlone(signal: AbortSignal): Promise<RotatedKey> {
    const { identity } = this.settings;
    if (!identity.ownsKey) throw keyFixed('It was given its key by EDGE_DEVICE_KEY_FILE.');
    await this.accessToken(signal);
    while (this.running !== undefined) await this.running.catch(() => undefined);
    // The token of the new key is the next that anyone waits for.
    let rotated!: RotatedKey;
    this.running = this.rotate(identity.enrolment!, signal)
      .then((done) => (rotated = done))
      .then(() => this.token!.value)
      .finally(() => (this.running = undefined));
    await this.running;
    return rotated;
  }

  private async accessToken(signal: AbortSignal): Promise<string> {
    if (this.running !== undefined) return this.running;
    if (this.token !== undefined && performance.now() < this.token.untilMs) return this.token.value;
    this.running = this.getToken(signal).finally(() => (this.running = undefined));
    return this.running;
  }

  private async getToken(signal: AbortSignal): Promise<string> {
    const { identity, enrolmentToken } = this.settings;
    const enrolment = identity.enrolment ?? (await this.enrol(identity.key, signal));
    try {
      if (await this.rotateWhenDue(enrolment, signal)) return this.token!.value;
      return await this.redeem(enrolment, signal);
    } catch (error) {
      if (!hasCode(error, STRANGER)) throw error;
      if (await this.isKnownByOtherKey(error, enrolment, signal)) {
        return this.redeem(identity.enrolment!, signal);
      }
      if (enrolmentToken === undefined || this.triedToken) throw error;
      return this.redeem(await this.enrol(await identity.nextKey(), signal), signal);
    }
  }

  private async redeem(enrolment: EnrolledAs, signal: AbortSignal): Promise<string> {
    const { identity } = this.settings;
    this.token = await this.calls.knowingTime(enrolment, signal, () =>
      this.calls.exchange(enrolment, identity.key, signal),
    );
    return this.token.value;
  }

  /** Also goes on with a rotation that was interrupted. One that fails is left for later: the old key is still good. */
  private async rotateWhenDue(enrolment: EnrolledAs, signal: AbortSignal): Promise<boolean> {
    if (performance.now() < this.noRotationUntilMs) return false;
    try {
      if (!(await this.isDue(enrolment, signal))) return false;
      const rotated = await this.rotate(enrolment, signal);
      this.settings.onRotated(rotated);
      return true;
    } catch (error) {
      if (signal.aborted || hasCode(error, [...STRANGER, 'CENTRAL_UNREACHABLE'])) return false;
      this.noRotationUntilMs = performance.now() + ROTATION_RETRY_MS;
      this.settings.onRotationFailed(error);
      return false;
    }
  }

  private async isDue(enrolment: EnrolledAs, signal: AbortSignal): Promise<boolean> {
    const { identity, keyMaxAgeMs } = this.settings;
    if (!identity.ownsKey) return false;
    if (await identity.hasNextKey()) return true;
    if (keyMaxAgeMs === 0) return false;
    return this.calls.knowingTime(enrolment, signal, async () => {
      const nowMs = this.calls.centralNowMs;
      if (enrolment.keySince !== undefined) return nowMs - Date.parse(enrolment.keySince) > keyMaxAgeMs;
      await identity.enrolled({ ...enrolment, keySince: new Date(nowMs).toISOString() }, identity.key);
      return false;
    });
  }

  /** The next key may be in use at central already, when the last attempt ended there. */
  private async rotate(enrolment: EnrolledAs, signal: AbortSignal): Promise<RotatedKey> {
    const { identity } = this.settings;
    const replaced = identity.key;
    const wasBegun = await identity.hasNextKey();
    const next = await identity.nextKey();
    const announced = async (): Promise<AccessToken> => {
      await this.calls.announce(enrolment, replaced, next, signal);
      return this.calls.exchange(enrolment, next, signal);
    };
    const token = await this.calls.knowingTime(enrolment, signal, async () => {
      if (!wasBegun) return announced();
      return this.calls.exchange(enrolment, next, signal).catch(async (error: unknown) => {
        if (hasCode(error, ['DEVICE_KEY_UNKNOWN'])) return announced();
        if (hasCode(error, ['DEVICE_KEY_RETIRED'])) await identity.discardNextKey();
        throw error;
      });
    });
    const keySince = new Date(this.calls.centralNowMs).toISOString();
    await identity.enrolled({ ...enrolment, keySince }, next);
    this.token = token;
    const { deviceId } = enrolment;
    return { deviceId, keyThumbprint: next.thumbprint, replacedThumbprint: replaced.thumbprint };
  }

  /**
   * Another process of this device may have replaced the key; or central was restored from before a rotation, and knows
   * the previous key only.
   */
  private async isKnownByOtherKey(
    error: RivuletError,
    enrolment: EnrolledAs,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { identity } = this.settings;
    if (await identity.reload()) return true;
    const previous = await identity.previousKey();
    if (error.code !== 'DEVICE_KEY_UNKNOWN' || previous === undefined) return false;
    try {
      await this.calls.knowingTime(enrolment, signal, () =>
        this.calls.announce(enrolment, previous, identity.key, signal),
      );
      return true;
    } catch (refusal) {
      if (hasCode(refusal, STRANGER)) return false;
      throw refusal;
    }
  }

  /** @throws RivuletError EDGE_NOT_ENROLLED where central does not know the key and no token was given */
  private async enrol(key: SigningPair, signal: AbortSignal): Promise<EnrolledAs> {
    const { identity, enrolmentToken: token, onEnrolled } = this.settings;
    this.triedToken = token !== undefined;
    const { enrolment, isFirstTrusted } = await this.calls
      .enrol(key, token, signal)
      .catch((error: unknown) => {
        throw token === undefined && hasCode(error, STRANGER) ? notEnrolled(key.thumbprint) : error;
      });
    await identity.enrolled(enrolment, key);
    onEnrolled(enrolment, isFirstTrusted);
    return enrolment;
  }
}

function keyFixed(reason: string): RivuletError {
  return new RivuletError('EDGE_KEY_FIXED', `This edge cannot replace its key. ${reason}`);
}

function notEnrolled(thumbprint: string): RivuletError {
  return new RivuletError('EDGE_NOT_ENROLLED', `Central does not know the key ${thumbprint} of this device.`);
}
