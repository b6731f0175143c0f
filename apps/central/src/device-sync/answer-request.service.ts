import { Injectable } from '@nestjs/common';
import { PROTOCOL_VERSION, RivuletError, type SyncRequest, type SyncResponse } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { DatasetCatalogue } from '../datasets/dataset-catalogue';
import type { Device } from '../devices/device';
import { ManifestService } from '../manifests/manifest.service';
import { SyncManifest } from '../manifests/sync-manifest.entity';
import { isHeld, type Snapshot } from '../snapshots/snapshot';
import { SnapshotService } from '../snapshots/snapshot.service';
import { SyncRequestRecord } from './sync-request.entity';

/** Answers "here is what I have; what should I have?", and writes down what it answered. */
@Injectable()
export class AnswerRequestService {
  constructor(
    private readonly database: DataSource,
    private readonly snapshots: SnapshotService,
    private readonly manifests: ManifestService,
    private readonly catalogue: DatasetCatalogue,
  ) {}

  async answer(requestId: string, device: Device, request: SyncRequest): Promise<SyncResponse> {
    const receivedAt = new Date();
    const start = performance.now();
    const record = async (
      result: Pick<SyncRequestRecord, 'outcome' | 'manifestId' | 'errorCode'>,
    ): Promise<void> => {
      await this.database.manager.insert(SyncRequestRecord, {
        ...result,
        ...device,
        requestId,
        lastManifestId: request.lastManifestId ?? null,
        receivedAt,
        durationMs: Math.round(performance.now() - start),
      });
    };
    try {
      const { response, manifestId } = await this.decide(requestId, device, request);
      await record({ outcome: response.status, manifestId, errorCode: null });
      return response;
    } catch (error) {
      const errorCode = error instanceof RivuletError ? error.code : 'INTERNAL';
      // The first error is the one that matters; the database may be what is down.
      await record({ outcome: 'failed', manifestId: null, errorCode }).catch(() => undefined);
      throw error;
    }
  }

  private async decide(
    requestId: string,
    device: Device,
    request: SyncRequest,
  ): Promise<{ response: SyncResponse; manifestId: string }> {
    if (request.protocolVersion !== PROTOCOL_VERSION) {
      throw new RivuletError(
        'PROTOCOL_UNSUPPORTED',
        `The device speaks protocol version ${request.protocolVersion}; this central speaks ${PROTOCOL_VERSION}.`,
      );
    }
    return this.snapshots.withSnapshots(device.macAddress, async (snapshots) => {
      const currentManifestId = await this.currentManifest(device, request, snapshots);
      if (currentManifestId !== undefined) {
        return {
          response: { status: 'current', manifestId: currentManifestId },
          manifestId: currentManifestId,
        };
      }
      const { manifestId, document, plan } = await this.manifests.issue({
        requestId,
        device,
        nonce: request.nonce,
        schemaVersion: this.catalogue.schemaVersion,
        snapshots,
        held: request.tables,
      });
      return { response: { status: 'update', manifest: document, plan }, manifestId };
    });
  }

  /** The manifest that the device applied last, if it is ours and the device still has all that it may have. */
  private async currentManifest(
    device: Device,
    request: SyncRequest,
    snapshots: Snapshot[],
  ): Promise<string | undefined> {
    const { lastManifestId: manifestId, schemaVersion, tables } = request;
    if (manifestId === undefined || schemaVersion !== this.catalogue.schemaVersion) return undefined;
    if (!snapshots.every((snapshot) => isHeld(snapshot, tables))) return undefined;
    const isOurs = await this.database.manager.existsBy(SyncManifest, {
      manifestId,
      deviceId: device.deviceId,
    });
    return isOurs ? manifestId : undefined;
  }
}
