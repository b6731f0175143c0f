import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable } from '@rivulet/postgres';
import {
  FRAME_HEADER_BYTES,
  MANIFEST_JWS_TYPE,
  PROTOCOL_VERSION,
  type Manifest,
  type PlanTerms,
  type SyncPlan,
  type TablePlan,
} from '@rivulet/protocol';
import { LRUCache } from 'lru-cache';
import { DataSource } from 'typeorm';
import { monotonicFactory } from 'ulid';
import type { Scope } from '@rivulet/datasets';
import type { Device } from '../../devices/device';
import type { Snapshot } from '../../snapshots/snapshot';
import { TablePlanner, type PlannedTable } from './table-planner';
import { SigningKey } from '../../signing/signing-key';
import { enterManifests, type NewManifest } from './enter-manifests';
import { FrameLists, type PlannedFrame } from './frame-lists';
import { findManifests, listTables, readStanding } from './manifest-queries';
import { SyncManifestTable } from './sync-manifest-table.entity';
import { SyncManifest } from './sync-manifest.entity';

/** The input of a manifest: for whom, and from which snapshots. */
export interface ManifestOrder {
  requestId: string;
  device: Device;
  /** The device that it was issued to. */
  scope: Pick<Scope, 'deviceId' | 'macAddress'>;
  nonce: string;
  schemaVersion: string;
  snapshots: Snapshot[];
  /** The tables that the device said it has. */
  asked: PlanTerms;
}

interface PlannedOrder {
  order: ManifestOrder;
  planned: PlannedTable[];
}

/** Manifests that are entered in one statement. */
const MANIFESTS_AT_ONCE = 100;

/** Manifests that are looked up in one statement. */
const LOOK_UPS_AT_ONCE = 200;

/** Manifests that are not reported on yet: the tables of about 5,000 devices with four each. */
const PROMISED_MAX_BYTES = 4 * 1024 * 1024;
const PROMISED_BYTES = 160;

type PromisedTable = Pick<SyncManifestTable, 'name' | 'rows' | 'checksum'>;

export interface IssuedManifest {
  manifestId: string;
  /** The signed manifest. */
  document: string;
  plan: SyncPlan;
}

interface OwnManifest {
  manifestId: string;
  macAddress: string;
}

export type FoundManifest = Pick<SyncManifest, 'deviceId' | 'resyncSince'>;

@Injectable()
export class ManifestService {
  private readonly nextUlid = monotonicFactory();
  private readonly entering = new Batched((orders: PlannedOrder[]) => this.enterAll(orders), {
    maxItems: MANIFESTS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  private readonly promised = new LRUCache<string, PromisedTable[]>({
    maxSize: PROMISED_MAX_BYTES,
    sizeCalculation: (tables) => (1 + tables.length) * PROMISED_BYTES,
  });
  private readonly finding = new Batched((asked: OwnManifest[]) => this.findAll(asked), {
    maxItems: LOOK_UPS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });
  private readonly listing = new Batched((ids: string[]) => this.listTables(ids), {
    maxItems: LOOK_UPS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });
  private readonly frameLists: FrameLists;

  constructor(
    private readonly database: DataSource,
    private readonly signingKey: SigningKey,
    private readonly planner: TablePlanner,
  ) {
    this.frameLists = new FrameLists(database);
  }

  /** Signs a manifest of the snapshots, and enters it with its plan before anyone sees it. */
  async issue(order: ManifestOrder): Promise<IssuedManifest> {
    const { snapshots, asked } = order;
    const planned = await Promise.all(snapshots.map((snapshot) => this.planner.plan(snapshot, asked)));
    const { manifestId, document, tables } = await this.entering.run({ order, planned });
    this.promised.set(
      manifestId,
      tables.map(({ name, rows, checksum }) => ({ name, rows, checksum })),
    );
    const wireBytes = planned.reduce((sum, table) => sum + table.wireBytes, FRAME_HEADER_BYTES);
    return { manifestId, document, plan: { tables: planned.map(({ plan }) => plan), wireBytes } };
  }

  private async enterAll(orders: PlannedOrder[]): Promise<NewManifest[]> {
    const { epoch, sequences } = await this.nextPositions(orders.length);
    const manifests = await Promise.all(
      orders.map((planned, index) => this.sign(planned, epoch, sequences[index]!)),
    );
    await enterManifests(this.database, manifests);
    return manifests;
  }

  private async sign(
    { order, planned }: PlannedOrder,
    epoch: number,
    sequence: number,
  ): Promise<NewManifest> {
    const { requestId, device, scope, nonce, schemaVersion, snapshots } = order;
    const { deviceId, macAddress } = scope;
    const issuedAt = new Date();
    const manifest: Manifest = {
      protocolVersion: PROTOCOL_VERSION,
      manifestId: this.nextUlid(),
      macAddress,
      epoch,
      sequence,
      issuedAt: issuedAt.toISOString(),
      nonce,
      schemaVersion,
      tables: snapshots.map(({ dataset, rows, bytes, checksum }) => ({
        ...dataset.schema,
        fingerprint: dataset.fingerprint,
        rows,
        bytes,
        checksum,
      })),
    };
    return {
      manifestId: manifest.manifestId,
      requestId,
      deviceId,
      macAddress,
      epoch,
      sequence,
      schemaVersion,
      document: await this.signingKey.sign(MANIFEST_JWS_TYPE, JSON.stringify(manifest)),
      frameCount: countFrames(planned),
      issuedAt,
      registryId: device.deviceId ?? null,
      resyncSince: device.resyncSince ?? null,
      tables: snapshots.map(({ dataset, rows, bytes, checksum, snapshotId }, position) => {
        const { plan, baseSnapshotId } = planned[position]!;
        return {
          name: dataset.schema.name,
          action: plan.action,
          rows,
          bytes,
          checksum,
          snapshotId,
          baseSnapshotId,
        };
      }),
    };
  }

  /**
   * Finds a manifest of a device, without asking the source. One that its MAC address was given while it belonged to
   * another `device_id` than that of its latest manifest is not the device's own.
   *
   * @throws RivuletError MANIFEST_UNKNOWN, also for a manifest of a different device: the answers must not differ
   */
  async find(manifestId: string, { macAddress }: Device): Promise<FoundManifest> {
    const manifest = await this.finding.run({ manifestId, macAddress });
    return manifest ?? unknownManifest(manifestId);
  }

  private async findAll(asked: OwnManifest[]): Promise<(FoundManifest | undefined)[]> {
    const rows = await this.database.query<(FoundManifest & { place: string })[]>(findManifests, [
      asked.map(({ manifestId }) => manifestId),
      asked.map(({ macAddress }) => macAddress),
    ]);
    const byPlace = new Map(rows.map(({ place, ...found }) => [Number(place), found]));
    return asked.map((_, index) => byPlace.get(index + 1));
  }

  /** Undefined where it is no manifest of the device. */
  async standingOf(manifestId: string, deviceId: string): Promise<{ isReported: boolean } | undefined> {
    const [standing] = await this.database.query<{ isReported: boolean }[]>(readStanding, [
      manifestId,
      deviceId,
    ]);
    return standing;
  }

  /** What a manifest promises. Of one that this process has issued it is known the first time, as a device reports but once as a rule. */
  async tablesOf(manifestId: string): Promise<PromisedTable[]> {
    const promised = this.promised.get(manifestId);
    this.promised.delete(manifestId);
    return promised ?? this.listing.run(manifestId);
  }

  private async listTables(manifestIds: string[]): Promise<SyncManifestTable[][]> {
    const rows = await this.database.query<SyncManifestTable[]>(listTables, [[...new Set(manifestIds)]]);
    const byId = new Map(manifestIds.map((id) => [id, [] as SyncManifestTable[]]));
    for (const table of rows) byId.get(table.manifestId)!.push(table);
    return manifestIds.map((id) => byId.get(id)!);
  }

  /**
   * Every frame of a manifest's plan, in order.
   *
   * @param device - whose it must be, as of find(); anybody's unless given
   * @throws RivuletError MANIFEST_UNKNOWN · MANIFEST_EXPIRED when a snapshot that it names has been collected, or not all frames
   *   are listed
   */
  async plannedFrames(manifestId: string, device?: Device): Promise<PlannedFrame[]> {
    const frames = await this.frameLists.find(manifestId, device?.macAddress ?? null);
    return frames ?? unknownManifest(manifestId);
  }

  private async nextPositions(count: number): Promise<{ epoch: number; sequences: number[] }> {
    const rows = await this.database.query<{ epoch: number; sequence: string }[]>(
      `SELECT epoch, nextval('rivulet.manifest_sequence') AS sequence
       FROM rivulet.central_state, generate_series(1, $1::int)`,
      [count],
    );
    const [row] = rows;
    if (row === undefined) {
      throw new RivuletError('DATABASE_TABLES_MISSING', 'The table rivulet.central_state has lost its row.');
    }
    return { epoch: row.epoch, sequences: rows.map(({ sequence }) => Number(sequence)) };
  }
}

function unknownManifest(manifestId: string): never {
  throw new RivuletError('MANIFEST_UNKNOWN', `This device has no manifest ${manifestId}.`);
}

function countFrames(planned: PlannedTable[]): number {
  return planned.reduce((sum, { plan }) => sum + framesOf(plan), 0);
}

function framesOf(plan: TablePlan): number {
  if (plan.action === 'keep') return 0;
  return plan.action === 'patch' ? plan.frames.length : plan.chunks.length;
}
