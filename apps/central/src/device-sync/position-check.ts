import { Injectable, Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable } from '@rivulet/postgres';
import type { SyncRequest } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import type { Scope } from '@rivulet/datasets';

/** Where a device stands, by what it says. */
interface ToldPosition {
  manifestId: string;
  epoch: number;
  sequence: number;
}

interface AskedPosition extends ToldPosition {
  deviceId: string;
}

interface KnownPosition {
  epoch: number;
  lastSequence: string;
  isOwn: boolean;
  /** The sequence belongs to a different manifest. */
  isTaken: boolean;
  /** It was refused before, in this epoch. */
  isSuspect: boolean;
}

/** Positions that are looked up in one statement. */
const POSITIONS_AT_ONCE = 200;

/**
 * Finds out that a device has applied a manifest which this database has never issued: it was restored from an older
 * backup and its epoch was not raised, or it is a copy, or the device comes from another central. Its manifests would be
 * refused by the device until their numbers pass the device's own, and then pass for later ones with older content.
 */
@Injectable()
export class PositionCheck {
  private readonly logger = new Logger('Devices');
  private readonly reading = new Batched((asked: AskedPosition[]) => this.readAll(asked), {
    maxItems: POSITIONS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(private readonly database: DataSource) {}

  /**
   * To be called before a manifest is issued. A device that is refused once is refused until the epoch is raised, however
   * many manifests are issued meanwhile.
   *
   * @throws RivuletError CENTRAL_BEHIND
   */
  async refuseForeign({ deviceId, macAddress }: Scope, asked: SyncRequest): Promise<void> {
    const told = positionOf(asked);
    if (told === undefined) return;
    const known = await this.reading.run({ ...told, deviceId });
    if (known === undefined || !isForeign(told, known)) return this.forget(known, deviceId);
    const isNew = await this.note(told, deviceId, macAddress);
    const message =
      `Device ${deviceId} (${macAddress}) has applied manifest ${told.manifestId}, number ${told.epoch}/${told.sequence}, ` +
      `which this database has not issued; it is at ${known.epoch}/${known.lastSequence}.`;
    const error = new RivuletError('CENTRAL_BEHIND', message);
    if (isNew) {
      const { code, nextStep } = error;
      this.logger.error(
        { code, deviceId, macAddress, ...told, nextStep },
        `${message} Next step: ${nextStep}`,
      );
    }
    throw error;
  }

  private async readAll(asked: AskedPosition[]): Promise<(KnownPosition | undefined)[]> {
    const rows = await this.database.query<(KnownPosition & { place: string })[]>(readPositions, [
      asked.map(({ manifestId }) => manifestId),
      asked.map(({ epoch }) => epoch),
      asked.map(({ sequence }) => sequence),
      asked.map(({ deviceId }) => deviceId),
    ]);
    const byPlace = new Map(rows.map((row) => [Number(row.place), row]));
    return asked.map((_, index) => byPlace.get(index + 1));
  }

  private async forget(known: KnownPosition | undefined, deviceId: string): Promise<void> {
    if (known?.isSuspect !== true) return;
    await this.database.query('DELETE FROM rivulet.foreign_positions WHERE device_id = $1', [deviceId]);
  }

  /** @returns whether it is to be told: the first time, and once an hour */
  private async note(told: ToldPosition, deviceId: string, macAddress: string): Promise<boolean> {
    const { manifestId, epoch, sequence } = told;
    const rows = await this.database.query<{ isNew: boolean }[]>(notePosition, [
      deviceId,
      macAddress,
      manifestId,
      epoch,
      sequence,
    ]);
    return rows.length > 0;
  }
}

function positionOf({ lastManifestId, lastEpoch, lastSequence }: SyncRequest): ToldPosition | undefined {
  if (lastManifestId === undefined || lastEpoch === undefined || lastSequence === undefined) return undefined;
  return { manifestId: lastManifestId, epoch: lastEpoch, sequence: lastSequence };
}

/** Manifests of an earlier epoch may be lost: all that are issued now are later. Their rows may have been deleted, too. */
function isForeign(
  told: ToldPosition,
  { epoch, lastSequence, isOwn, isTaken, isSuspect }: KnownPosition,
): boolean {
  if (isOwn || told.epoch < epoch) return false;
  return told.epoch > epoch || told.sequence > Number(lastSequence) || isTaken || isSuspect;
}

/** By primary keys. */
const readPositions = `
SELECT place, central_state.epoch, (SELECT last_value FROM rivulet.manifest_sequence) AS "lastSequence",
       EXISTS (SELECT FROM rivulet.sync_manifests WHERE manifest_id = told.manifest_id) AS "isOwn",
       EXISTS (
         SELECT FROM rivulet.sync_manifests manifest
         WHERE (manifest.epoch, manifest.sequence) = (told.epoch, told.sequence) AND manifest_id <> told.manifest_id
       ) AS "isTaken",
       EXISTS (
         SELECT FROM rivulet.foreign_positions
         WHERE device_id = told.device_id AND manifest_id = told.manifest_id
       ) AS "isSuspect"
FROM rivulet.central_state, unnest($1::text[], $2::int[], $3::bigint[], $4::text[])
  WITH ORDINALITY AS told (manifest_id, epoch, sequence, device_id, place)`;

/** A row when it is new, or was told an hour ago. */
const notePosition = `
INSERT INTO rivulet.foreign_positions AS known (device_id, mac_address, manifest_id, epoch, sequence)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (device_id) DO UPDATE SET
  mac_address = excluded.mac_address, manifest_id = excluded.manifest_id, epoch = excluded.epoch,
  sequence = excluded.sequence, told_at = now()
WHERE known.manifest_id <> excluded.manifest_id OR known.told_at NOT BETWEEN now() - interval '1 hour' AND now()
RETURNING true AS "isNew"`;
