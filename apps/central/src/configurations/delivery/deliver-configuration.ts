import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable } from '@rivulet/postgres';
import { statementTypes, type ConfigurationStatement } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { SigningKey } from '../../signing/signing-key';
import type { TargetDevice } from '../content/configuration-content';
import { ConfigurationsMetrics } from '../configurations.metrics';
import { CurrentConfigurations } from '../current/current-configurations';
import type { EffectiveConfiguration } from '../current/effective-configurations';
import { distinctRounds } from './distinct-rounds';

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

interface Sending {
  name: string;
  deviceId: string;
  generation: number;
  version: number;
  sha256: string;
}

const ATTEMPTS = 3;
/** Devices whose numbers are given in one statement. */
const SENDINGS_AT_ONCE = 500;

/** Gives devices what they are to have. */
@Injectable()
export class DeliverConfiguration {
  private readonly numbering = new Batched((sendings: Sending[]) => this.numberAll(sendings), {
    maxItems: SENDINGS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(
    private readonly database: DataSource,
    private readonly current: CurrentConfigurations,
    private readonly signingKey: SigningKey,
    private readonly metrics: ConfigurationsMetrics,
  ) {}

  /**
   * @param held - the ETag of what the device has, if it has any
   * @returns the ETag alone where that is what it is to have: the common case, answered from memory
   * @throws RivuletError CONFIGURATION_UNKNOWN · SERVER_BUSY
   */
  async send(name: string, device: TargetDevice): Promise<SentConfiguration>;
  async send(
    name: string,
    device: TargetDevice,
    held: string | undefined,
  ): Promise<SentConfiguration | Pick<SentConfiguration, 'etag'>>;
  async send(
    name: string,
    device: TargetDevice,
    held?: string,
  ): Promise<SentConfiguration | Pick<SentConfiguration, 'etag'>> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const generation = this.current.generationOf(name);
      const found = await this.find(name, device);
      if (held !== undefined && matchesEtag(held, found.etag)) {
        this.metrics.answers.inc({ outcome: 'unchanged' });
        return { etag: found.etag };
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
    return this.numbering.run({ name, deviceId, generation, version, sha256 });
  }

  private async numberAll(sendings: Sending[]): Promise<(Numbered | undefined)[]> {
    const numbered = new Map<Sending, Numbered>();
    for (const round of distinctRounds(sendings, keyOf)) {
      const rows = await this.database.query<(Numbered & { name: string; deviceId: string })[]>(noteSent, [
        round.map(({ name }) => name),
        round.map(({ deviceId }) => deviceId),
        round.map(({ generation }) => generation),
        round.map(({ version }) => version),
        round.map(({ sha256 }) => sha256),
      ]);
      const byKey = new Map(rows.map((row) => [keyOf(row), row]));
      for (const sending of round) {
        const row = byKey.get(keyOf(sending));
        if (row !== undefined) numbered.set(sending, row);
      }
    }
    return sendings.map((sending) => numbered.get(sending));
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
  if (header === etag || header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

function keyOf({ name, deviceId }: { name: string; deviceId: string }): string {
  return `${name}\n${deviceId}`;
}

/**
 * No row where the device has been sent something of a later generation, or was deleted. In the order of the devices, so
 * that two processes that send to the same ones do not lock each other.
 */
const noteSent = `
INSERT INTO rivulet.configuration_devices AS device
  (name, device_id, generation, sequence, version, sha256, sent_at)
SELECT sending.name, device_id, generation, nextval('rivulet.configuration_sequence'), sending.version, sha256, now()
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::integer[], $5::text[])
  AS sending (name, device_id, generation, version, sha256)
JOIN rivulet.devices USING (device_id)
ORDER BY device_id
ON CONFLICT (name, device_id) DO UPDATE SET
  sequence = CASE WHEN device.version = excluded.version AND device.sha256 = excluded.sha256
    THEN device.sequence ELSE excluded.sequence END,
  generation = excluded.generation, version = excluded.version, sha256 = excluded.sha256, sent_at = now()
WHERE device.generation <= excluded.generation
RETURNING name, device_id AS "deviceId", sequence::float8 AS sequence,
  (SELECT epoch FROM rivulet.central_state) AS epoch`;
