import { Injectable } from '@nestjs/common';
import { hasSqlState, sqlState } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { PROTOCOL_VERSION, type SyncRequest, type SyncResponse } from '@rivulet/protocol';
import { LRUCache } from 'lru-cache';
import { CurrentDatasets } from '../datasets/current-datasets';
import type { DatasetCatalogue } from '@rivulet/datasets';
import type { Device } from '../devices/device';
import { ManifestService } from './manifests/manifest.service';
import type { KnownScope } from '../source/scope/scope.service';
import { isHeld, type Snapshot } from '../snapshots/snapshot';
import { SnapshotService } from '../snapshots/snapshot.service';
import { RequestLog, type RequestRecord } from './request-log';

interface Answer {
  response: SyncResponse;
  manifestId: string;
}

/** Devices whose latest manifest is remembered. */
const DEVICES_KEPT = 20_000;

/** Answers "here is what I have; what should I have?", and writes down what it answered. */
@Injectable()
export class AnswerRequestService {
  /** The manifest that each device was last seen to have. */
  private readonly manifestOf = new LRUCache<string, string>({ max: DEVICES_KEPT });

  constructor(
    private readonly log: RequestLog,
    private readonly snapshots: SnapshotService,
    private readonly manifests: ManifestService,
    private readonly datasets: CurrentDatasets,
  ) {}

  async answer(requestId: string, known: KnownScope, request: SyncRequest): Promise<SyncResponse> {
    const receivedAt = new Date();
    const start = performance.now();
    const { deviceId, macAddress } = known.scope;
    const record = async (
      result: Pick<RequestRecord, 'outcome' | 'manifestId' | 'errorCode'>,
    ): Promise<void> => {
      const lastManifestId = request.lastManifestId ?? null;
      const durationMs = Math.round(performance.now() - start);
      await this.log.add({
        ...result,
        requestId,
        deviceId,
        macAddress,
        lastManifestId,
        receivedAt,
        durationMs,
      });
    };
    try {
      const { response, manifestId } = await this.decide(requestId, known, request);
      await record({ outcome: response.status, manifestId, errorCode: null });
      return response;
    } catch (error) {
      const errorCode = error instanceof RivuletError ? error.code : 'INTERNAL';
      // The first error is the one that matters; the database may be what is down.
      await record({ outcome: 'failed', manifestId: null, errorCode }).catch(() => undefined);
      throw error;
    }
  }

  private async decide(requestId: string, known: KnownScope, request: SyncRequest): Promise<Answer> {
    if (request.protocolVersion !== PROTOCOL_VERSION) {
      throw new RivuletError(
        'PROTOCOL_UNSUPPORTED',
        `The device speaks protocol version ${request.protocolVersion}; this central speaks ${PROTOCOL_VERSION}.`,
      );
    }
    this.datasets.throwIfUnfit();
    const { catalogue } = known;
    const { deviceId, macAddress } = known.scope;
    const device = { deviceId, macAddress };
    const snapshots =
      this.snapshots.current(known) ?? (await this.snapshots.bringUpToDate(device, catalogue));
    const manifestId = await this.currentManifest(device, request, catalogue, snapshots);
    if (manifestId !== undefined) return { response: { status: 'current', manifestId }, manifestId };
    try {
      return await this.issue(requestId, device, request, catalogue, snapshots);
    } catch (error) {
      if (!hasSqlState(error, sqlState.foreignKeyViolation)) throw error;
      // Collected since it was remembered: then it must be looked up, or read, again.
      this.snapshots.forget(known);
      const anew = await this.snapshots.bringUpToDate(device, catalogue);
      return this.issue(requestId, device, request, catalogue, anew);
    }
  }

  private async issue(
    requestId: string,
    device: Device,
    request: SyncRequest,
    { schemaVersion }: DatasetCatalogue,
    snapshots: Snapshot[],
  ): Promise<Answer> {
    const { nonce } = request;
    const order = { requestId, device, nonce, schemaVersion, snapshots, asked: request };
    const { manifestId, document, plan } = await this.manifests.issue(order);
    return { response: { status: 'update', manifest: document, plan }, manifestId };
  }

  /** The manifest that the device applied last, if it is ours and the device still has all that it may have. */
  private async currentManifest(
    { deviceId }: Device,
    { lastManifestId, schemaVersion, tables }: SyncRequest,
    catalogue: DatasetCatalogue,
    snapshots: Snapshot[],
  ): Promise<string | undefined> {
    if (lastManifestId === undefined || schemaVersion !== catalogue.schemaVersion) return undefined;
    const held = new Map(tables.map((table) => [table.name, table]));
    if (!snapshots.every((snapshot) => isHeld(snapshot, held))) return undefined;
    if (this.manifestOf.get(deviceId) === lastManifestId) return lastManifestId;
    if (!(await this.manifests.exists(lastManifestId, deviceId))) return undefined;
    this.manifestOf.set(deviceId, lastManifestId);
    return lastManifestId;
  }
}
