import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { statementTypes, type ConfigurationStatement } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { SigningKey } from '../../signing/signing-key';
import type { TargetDevice } from '../content/configuration-content';
import { ConfigurationsMetrics } from '../configurations.metrics';
import { CurrentConfigurations } from '../current/current-configurations';
import type { EffectiveConfiguration } from '../current/effective-configurations';

export interface SentConfiguration extends EffectiveConfiguration {
  /** Rises with each other content that this device is sent. */
  sequence: number;
  /** Compact JWS of a ConfigurationStatement. */
  statement: string;
}

interface Numbered {
  sequence: number;
  epoch: number;
}

const ATTEMPTS = 3;

/** Gives devices what they are to have. */
@Injectable()
export class DeliverConfiguration {
  constructor(
    private readonly database: DataSource,
    private readonly current: CurrentConfigurations,
    private readonly signingKey: SigningKey,
    private readonly metrics: ConfigurationsMetrics,
  ) {}

  /**
   * @param held - the ETag of what the device has, if it has any
   * @returns undefined where that is what it is to have: the common case, answered from memory
   * @throws RivuletError CONFIGURATION_UNKNOWN · SERVER_BUSY
   */
  async send(name: string, device: TargetDevice, held?: string): Promise<SentConfiguration | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const generation = this.current.generationOf(name);
      const found = await this.find(name, device);
      if (held !== undefined && matchesEtag(held, found.etag)) {
        this.metrics.answers.inc({ outcome: 'unchanged' });
        return undefined;
      }
      const numbered = await this.number(device, found, generation);
      if (numbered !== undefined) return this.sign(device, found, numbered);
      // Another process has sent something newer: what this one remembers is out of date.
      await this.current.refresh();
    }
    throw new RivuletError('SERVER_BUSY', `${name} changes faster than it can be sent.`);
  }

  private async find(name: string, device: TargetDevice): Promise<EffectiveConfiguration> {
    try {
      return await this.current.require(name, device);
    } catch (error) {
      this.metrics.answers.inc({ outcome: 'none' });
      throw error;
    }
  }

  private async number(
    { deviceId }: TargetDevice,
    { name, version, sha256 }: EffectiveConfiguration,
    generation: number,
  ): Promise<Numbered | undefined> {
    const [numbered] = await this.database.query<Numbered[]>(noteSent, [
      name,
      deviceId,
      generation,
      version,
      sha256,
    ]);
    return numbered;
  }

  private async sign(
    { deviceId }: TargetDevice,
    found: EffectiveConfiguration,
    { sequence, epoch }: Numbered,
  ): Promise<SentConfiguration> {
    const { name, version, sha256, pollIntervalSeconds, data } = found;
    const said: ConfigurationStatement = {
      name,
      deviceId,
      version,
      epoch,
      sequence,
      sha256,
      pollIntervalSeconds,
      issuedAt: new Date().toISOString(),
      data,
    };
    this.metrics.answers.inc({ outcome: 'sent' });
    return { ...found, sequence, statement: await this.signingKey.sign(statementTypes.configuration, said) };
  }
}

/** If-None-Match: a list of tags, or any. Weak ones count as the strong ones (RFC 9110, 13.1.2). */
export function matchesEtag(header: string, etag: string): boolean {
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

/** No row where the device has been sent something of a later generation, or was deleted. */
const noteSent = `
INSERT INTO rivulet.configuration_devices AS device
  (name, device_id, generation, sequence, version, sha256, sent_at)
SELECT $1, device_id, $3, nextval('rivulet.configuration_sequence'), $4, $5, now()
FROM rivulet.devices WHERE device_id = $2
ON CONFLICT (name, device_id) DO UPDATE SET
  sequence = CASE WHEN device.version = excluded.version AND device.sha256 = excluded.sha256
    THEN device.sequence ELSE excluded.sequence END,
  generation = excluded.generation, version = excluded.version, sha256 = excluded.sha256, sent_at = now()
WHERE device.generation <= excluded.generation
RETURNING sequence::float8 AS sequence, (SELECT epoch FROM rivulet.central_state) AS epoch`;
