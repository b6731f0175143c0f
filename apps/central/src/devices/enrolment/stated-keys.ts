import { Injectable } from '@nestjs/common';
import { statementTypes, type DeviceKeyStatement } from '@rivulet/protocol';
import { SigningKey } from '../../signing/signing-key';
import { DeviceTables } from '../device-tables';

/** Central's word that keys are those of devices. */
@Injectable()
export class StatedKeys {
  constructor(
    private readonly tables: DeviceTables,
    private readonly signingKey: SigningKey,
  ) {}

  /** Signs it, and keeps it for proofs. */
  async state(
    key: Pick<DeviceKeyStatement, 'deviceId' | 'macAddress' | 'thumbprint' | 'nonce'>,
  ): Promise<string> {
    const content: DeviceKeyStatement = {
      centralId: this.signingKey.centralId,
      ...key,
      issuedAt: new Date().toISOString(),
    };
    const statement = await this.signingKey.sign(statementTypes.deviceKey, content);
    await this.tables.rows('UPDATE rivulet.device_keys SET statement = $2 WHERE thumbprint = $1', [
      key.thumbprint,
      statement,
    ]);
    return statement;
  }
}
