import { RivuletError } from '@rivulet/errors';
import {
  parseSyncPlan,
  PROTOCOL_VERSION,
  type CurrentStatement,
  type SyncPlan,
  type SyncRequest,
  type UnverifiedSyncResponse,
} from '@rivulet/protocol';
import {
  verifyCurrent,
  verifyManifest,
  type ManifestExpectation,
  type VerifiedManifest,
} from '../../hub/manifest-verifier';
import { refuseStale } from '../../mirrors/apply-manifest';
import { planTables, type HeldChunks, type TableTask } from '../../mirrors/plan-tables';
import { readHeldChunks } from '../../mirrors/read-held-chunks';
import type { EdgeSyncState } from '../../state/edge-sync-state.entity';
import type { EdgeSyncTable } from '../../state/edge-sync-table.entity';
import { refuseOtherDevice } from '../../state/refuse-other-device';
import type { CycleContext } from './cycle-context';

/** A new manifest, and what has to be done for it. */
export interface Update {
  verified: VerifiedManifest;
  plan: SyncPlan;
  /** Refill every mirror. */
  resync: boolean;
  tasks: TableTask[];
}

type NewManifest = Omit<Update, 'tasks'>;

export type UpdateAnswer = CurrentAnswer | { kind: 'new'; update: Update };

export interface CurrentAnswer {
  kind: 'current';
  /** Central says, signed, that it lacks the report on the manifest that is applied. */
  lacksReport: boolean;
}

/**
 * Tells central what this device holds, and plans what to do for the manifest in its answer.
 *
 * @param wholeTables asks for chunks instead of patches
 */
export async function requestUpdate(context: CycleContext, wholeTables: boolean): Promise<UpdateAnswer> {
  const { dependencies, lease, progress, report } = context;
  progress.phase = 'requesting';
  const { held, answer } = await report.timed('requestMs', async () => {
    const tables = await dependencies.state.heldTables(lease.client);
    return { held: tables, answer: await ask(context, tables, wholeTables) };
  });
  if ('kind' in answer) return answer;
  const chunks = await heldChunks(context, answer, held);
  const tasks = planTables(answer.verified.manifest, answer.plan, chunks);
  return { kind: 'new', update: { ...answer, tasks } };
}

async function ask(
  context: CycleContext,
  held: EdgeSyncTable[],
  wholeTables: boolean,
): Promise<NewManifest | CurrentAnswer> {
  const { hub, state, macAddress, newNonce, pinnedKey, followKey } = context.dependencies;
  const applied = await state.read();
  // Two devices may have started on an empty database; the first one has it.
  refuseOtherDevice(applied, macAddress);
  const request = syncRequest(newNonce(), held, applied, wholeTables);
  const expected = {
    macAddress,
    nonce: request.nonce,
    trustedKey: pinnedKey() ?? applied?.centralKey,
    follow:
      followKey && ((trusted: string, signedBy: string) => followKey(trusted, signedBy, context.signal)),
  };
  // An answer signed by a former key of central is asked for again, too.
  const opened = await context.retrying(async () =>
    verifyResponse(await hub.request(request, context.call), expected),
  );
  if (opened.verified === undefined) {
    if (opened.response.manifestId === applied?.manifestId)
      return { kind: 'current', lacksReport: opened.said.reported === false };
    throw new RivuletError(
      'CENTRAL_RESPONSE_INVALID',
      'Central says that a manifest is current that is not applied here.',
    );
  }
  const { response, verified } = opened;
  const { manifest } = verified;
  context.report.describe(manifest);
  if (manifest.manifestId === applied?.manifestId) return { kind: 'current', lacksReport: false };
  // Checked again under the lock when it is applied; here it saves the download.
  refuseStale(manifest, applied);
  const plan = parseSyncPlan(response.plan, manifest, request);
  return { verified, plan, resync: response.resync === true };
}

type VerifiedResponse =
  | {
      response: Extract<UnverifiedSyncResponse, { status: 'current' }>;
      said: CurrentStatement;
      verified?: undefined;
    }
  | { response: Extract<UnverifiedSyncResponse, { status: 'update' }>; verified: VerifiedManifest };

async function verifyResponse(
  response: UnverifiedSyncResponse,
  expected: ManifestExpectation,
): Promise<VerifiedResponse> {
  if (response.status === 'update')
    return { response, verified: await verifyManifest(response.manifest, expected) };
  return { response, said: await verifyCurrent(response.manifestId, response.statement, expected) };
}

function syncRequest(
  nonce: string,
  held: EdgeSyncTable[],
  applied: EdgeSyncState | null,
  wholeTables: boolean,
): SyncRequest {
  return {
    protocolVersion: PROTOCOL_VERSION,
    nonce,
    tables: held.map(({ name, fingerprint, checksum }) => ({ name, fingerprint, checksum })),
    ...(applied === null ? {} : positionOf(applied)),
    ...(wholeTables ? { wholeTables } : {}),
  };
}

function positionOf({ manifestId, schemaVersion, epoch, sequence }: EdgeSyncState): Partial<SyncRequest> {
  return { lastManifestId: manifestId, schemaVersion, lastEpoch: epoch, lastSequence: sequence };
}

async function heldChunks(
  { dependencies, lease, signal }: CycleContext,
  { verified: { manifest }, plan, resync }: NewManifest,
  held: EdgeSyncTable[],
): Promise<HeldChunks[]> {
  const { applyMode, applyLimits: limits, state } = dependencies;
  if (applyMode === 'truncate' || resync) return [];
  return readHeldChunks(lease.client, state, { manifest, plan, held, limits, signal });
}
