import { hash, randomBytes } from 'node:crypto';
import { statementTypes, type Assertion, type EnrolmentProof } from '@rivulet/protocol';
import { generatePrivateKey, readSigningPair, signStatement, type SigningPair } from '@rivulet/signatures';
import type { Enrolment } from '../src/devices/enrolment/enrol-edge';
import type { DevicesProcess } from './devices-fixture';

/** A device with a key, which signs whatever a test wants. */
export class KeyedDevice {
  deviceId = '';
  counter = 0;

  private constructor(
    readonly key: SigningPair,
    readonly macAddress: string,
  ) {}

  static async create(macAddress: string): Promise<KeyedDevice> {
    return new KeyedDevice(await readSigningPair(generatePrivateKey()), macAddress);
  }

  /** A copy of the device's disk, as a thief has it. */
  copy(): KeyedDevice {
    return Object.assign(new KeyedDevice(this.key, this.macAddress), {
      deviceId: this.deviceId,
      counter: this.counter,
    });
  }

  async proof(token: string | undefined, changes: Partial<EnrolmentProof> = {}): Promise<string> {
    return signStatement(this.key, statementTypes.enrolment, {
      ...(token === undefined ? {} : { tokenDigest: hash('sha256', token) }),
      macAddress: this.macAddress,
      nonce: newNonce(),
      ...changes,
    });
  }

  async enrol({ enrolments }: DevicesProcess, token: string | undefined): Promise<Enrolment> {
    const enrolment = await enrolments.enrol(await this.proof(token), token);
    this.deviceId = enrolment.deviceId;
    return enrolment;
  }

  async assertion({ signingKey }: DevicesProcess, changes: Partial<Assertion> = {}): Promise<string> {
    const iat = Math.floor(Date.now() / 1_000);
    const claims: Assertion = {
      iss: this.deviceId,
      aud: signingKey.centralId,
      jti: newNonce(),
      iat,
      exp: iat + 120,
      counter: ++this.counter,
      ...changes,
    };
    return signStatement(this.key, statementTypes.assertion, claims);
  }

  /** The headers of its calls. */
  async headers(central: DevicesProcess): Promise<{ authorization: string }> {
    const { deviceId, thumbprint } = await central.assertions.accept(await this.assertion(central));
    return { authorization: `Bearer ${(await central.tokens.issue(deviceId, thumbprint)).token}` };
  }
}

export function newNonce(): string {
  return randomBytes(18).toString('base64url');
}
