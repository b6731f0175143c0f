import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import {
  PROTOCOL_VERSION,
  statementTypes,
  type CurrentStatement,
  type SyncRequest,
  type SyncResponse,
} from '@rivulet/protocol';
import { LRUCache } from 'lru-cache';
import { CurrentDatasets } from '../datasets/current-datasets';
import type { Device } from '../devices/device';
import { DeviceRegistry } from '../devices/registry/device-registry';
import { isHeld, type Snapshot } from '../snapshots/snapshot';
import { SigningKey } from '../signing/signing-key';
import { serverBusy } from '../snapshots/server-busy';
import { SnapshotService } from '../snapshots/snapshot.service';
import { isGone } from '../snapshots/store-loss';
import { ScopeService, type KnownScope } from '../source/scope/scope.service';
import { DeviceSyncMetrics } from './device-sync.metrics';
import { ManifestService } from './manifests/manifest.service';
import { PositionCheck } from './position-check';
import { RequestLog, type RequestRecord } from './request-log';
import { SyncOutcomes } from './sync-outcomes';

/** The manifest that a device has. */
interface HeldManifest {
  manifestId: string;
  /** Whether the device's report on it is here. */
  isReported: boolean;
}

interface Answer {
  response: SyncResponse;
  manifestId: string;
}

/** A device's request, and when it was received. */
interface ReceivedRequest {
  requestId: string;
  device: Device;
  asked: SyncRequest;
  receivedAt: Date;
  /** By the monotonic clock. */
  startMs: number;
  /** Aborts when the device does not wait any more. */
  gone: AbortSignal | undefined;
}

/** Says nothing of the device, which comes again. */
const COMES_AGAIN = new Set<string>(['SERVER_BUSY', 'SHUTTING_DOWN']);

/** Room for the latest manifests of about 40,000 devices. */
const MANIFESTS_MAX_BYTES = 8 * 1024 * 1024;
const MANIFEST_BYTES = 160;

/** Answers "here is what I have; what should I have?", and writes down what it answered. */
@Injectable()
export class AnswerRequestService {
  /** The manifest that each device was last seen to have, and has reported on. */
  private readonly manifestOf = new LRUCache<string, string>({
    maxSize: MANIFESTS_MAX_BYTES,
    sizeCalculation: (_, deviceId) => MANIFEST_BYTES + 2 * deviceId.length,
  });

  constructor(
    private readonly log: RequestLog,
    private readonly scopes: ScopeService,
    private readonly snapshots: SnapshotService,
    private readonly manifests: ManifestService,
    private readonly positions: PositionCheck,
    private readonly datasets: CurrentDatasets,
    private readonly registry: DeviceRegistry,
    private readonly signingKey: SigningKey,
    private readonly outcomes: SyncOutcomes,
    private readonly metrics: DeviceSyncMetrics,
  ) {}

  /**
   * Resolves the scope of the device, which holds for all that follows. A request of a device without one is not written
   * down: there is no `device_id` to enter.
   *
   * @throws RivuletError what ScopeService.find and SnapshotService.bringUpToDate throw · PROTOCOL_UNSUPPORTED ·
   *   DATASETS_FILE_INVALID · CENTRAL_BEHIND
   */
  async answer(
    requestId: string,
    device: Device,
    asked: SyncRequest,
    gone?: AbortSignal,
  ): Promise<SyncResponse> {
    const received = { requestId, device, asked, receivedAt: new Date(), startMs: performance.now(), gone };
    const stopTimer = this.metrics.requestSeconds.startTimer();
    try {
      const known = await this.scopes.find(device);
      if (device.deviceId === undefined) await this.registry.registerByMac(device.macAddress);
      const response = await this.answerKnown(received, known);
      stopTimer({ outcome: response.status });
      return response;
    } catch (error) {
      stopTimer({ outcome: 'failed' });
      const { code } = namedError(error);
      this.metrics.requestFailures.inc({ code });
      const isOfDevice = gone?.aborted !== true && !COMES_AGAIN.has(code);
      if (isOfDevice) this.outcomes.tell(device.deviceId, { kind: 'failed', code });
      throw error;
    }
  }

  private async answerKnown(received: ReceivedRequest, known: KnownScope): Promise<SyncResponse> {
    try {
      const { response, manifestId } = await this.decide(received, known);
      await this.record(received, known, { outcome: response.status, manifestId, errorCode: null });
      const kind = response.status === 'update' ? 'issued' : 'current';
      this.outcomes.tell(received.device.deviceId, { kind, manifestId, asOf: known });
      return response;
    } catch (error) {
      const errorCode = error instanceof RivuletError ? error.code : 'INTERNAL';
      // The first error is the one that matters; the database may be what is down.
      await this.record(received, known, { outcome: 'failed', manifestId: null, errorCode }).catch(
        () => undefined,
      );
      throw error;
    }
  }

  private async record(
    { requestId, asked, receivedAt, startMs }: ReceivedRequest,
    { scope: { deviceId, macAddress } }: KnownScope,
    result: Pick<RequestRecord, 'outcome' | 'manifestId' | 'errorCode'>,
  ): Promise<void> {
    const lastManifestId = asked.lastManifestId ?? null;
    const durationMs = Math.round(performance.now() - startMs);
    await this.log.add({
      ...result,
      requestId,
      deviceId,
      macAddress,
      lastManifestId,
      receivedAt,
      durationMs,
    });
  }

  private async decide(received: ReceivedRequest, known: KnownScope): Promise<Answer> {
    const { device, asked } = received;
    if (asked.protocolVersion !== PROTOCOL_VERSION) {
      throw new RivuletError(
        'PROTOCOL_UNSUPPORTED',
        `The device speaks protocol version ${asked.protocolVersion}; this central speaks ${PROTOCOL_VERSION}.`,
      );
    }
    this.datasets.throwIfUnfit();
    const snapshots =
      this.snapshots.current(known) ?? (await this.snapshots.bringUpToDate(known, received.gone));
    const held = device.resyncSince ? undefined : await this.currentManifest(known, asked, snapshots);
    if (held !== undefined) return this.confirm(received, known, held);
    await this.positions.refuseForeign(known.scope, received.asked);
    try {
      return await this.issue(received, known, snapshots);
    } catch (error) {
      if (!isGone(error)) throw error;
      await this.snapshots.forget(known, error);
      const stored = await this.snapshots.bringUpToDate(known);
      return this.issueAgain(received, known, stored);
    }
  }

  /** A dataset that is collected a second time within one request is left to the next. */
  private async issueAgain(...order: Parameters<AnswerRequestService['issue']>): Promise<Answer> {
    try {
      return await this.issue(...order);
    } catch (error) {
      if (!isGone(error)) throw error;
      await this.snapshots.forget(order[1], error);
      throw serverBusy('What central stores is being deleted.');
    }
  }

  private async confirm(
    { asked: { nonce } }: ReceivedRequest,
    { scope: { macAddress } }: KnownScope,
    { manifestId, isReported: reported }: HeldManifest,
  ): Promise<Answer> {
    const issuedAt = new Date().toISOString();
    const content: CurrentStatement = { macAddress, nonce, manifestId, reported, issuedAt };
    const statement = await this.signingKey.sign(statementTypes.current, content);
    return { response: { status: 'current', manifestId, statement }, manifestId };
  }

  private async issue(
    { requestId, device, asked: { nonce, ...held } }: ReceivedRequest,
    { scope, catalogue: { schemaVersion } }: KnownScope,
    snapshots: Snapshot[],
  ): Promise<Answer> {
    const resync = device.resyncSince !== undefined && device.resyncSince !== null;
    const asked = resync ? { tables: [], wholeTables: true } : held;
    const order = { requestId, device, scope, nonce, schemaVersion, snapshots, asked };
    const { manifestId, document, plan } = await this.manifests.issue(order);
    this.metrics.manifestsIssued.inc();
    for (const { action } of plan.tables) this.metrics.plannedTables.inc({ action });
    const response = { status: 'update', manifest: document, plan, ...(resync ? { resync } : {}) } as const;
    return { response, manifestId };
  }

  /** The manifest that the device applied last, if it is ours and the device still has all that it may have. */
  private async currentManifest(
    { scope: { deviceId }, catalogue }: KnownScope,
    { lastManifestId, schemaVersion, tables }: SyncRequest,
    snapshots: Snapshot[],
  ): Promise<HeldManifest | undefined> {
    if (lastManifestId === undefined || schemaVersion !== catalogue.schemaVersion) return undefined;
    const held = new Map(tables.map((table) => [table.name, table]));
    if (!snapshots.every((snapshot) => isHeld(snapshot, held))) return undefined;
    if (this.manifestOf.get(deviceId) === lastManifestId)
      return { manifestId: lastManifestId, isReported: true };
    const standing = await this.manifests.standingOf(lastManifestId, deviceId);
    if (standing?.isReported === true) this.manifestOf.set(deviceId, lastManifestId);
    return standing && { manifestId: lastManifestId, ...standing };
  }
}
