import { arrangeMirrors, openMirror, scanMirror, type ArrangedMirror } from '@rivulet/mirror';
import { inTransaction, useCanonicalSettings } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';
import { parseSyncPlan, PROTOCOL_VERSION, type SyncPlan, type SyncRequest } from '@rivulet/protocol';
import { verifyManifest, type VerifiedManifest } from '../hub/manifest-verifier';
import type { EdgeSyncTable } from '../state/edge-sync-table.entity';
import { readChunkDigests } from '../state/mirror-chunks';
import { refuseStale } from './apply-manifest';
import type { CycleContext } from './cycle-context';
import { planTables, type HeldChunks, type TableTask } from './plan-tables';

/** What central wants the mirrors to be, and what is to be done for it. */
export interface Update {
  verified: VerifiedManifest;
  plan: SyncPlan;
  tasks: TableTask[];
}

type Answer = Omit<Update, 'tasks'>;

/**
 * Tells central what this device has, and returns what to apply, or undefined when there is nothing new.
 *
 * @param wholeTables asks for chunks, and for no patch
 */
export async function requestUpdate(
  context: CycleContext,
  wholeTables: boolean,
): Promise<Update | undefined> {
  const { dependencies, lease, progress, result } = context;
  progress.phase = 'requesting';
  const start = performance.now();
  const held = await dependencies.state.heldTables(lease.client);
  const answer = await ask(context, held, wholeTables);
  result.durations.requestMs += performance.now() - start;
  if (answer === undefined) return undefined;
  const chunks = await heldChunks(context, answer, held);
  return { ...answer, tasks: planTables(answer.verified.manifest, answer.plan, chunks) };
}

async function ask(
  context: CycleContext,
  mirrors: EdgeSyncTable[],
  wholeTables: boolean,
): Promise<Answer | undefined> {
  const { hub, state, macAddress, newNonce, configuredKey } = context.dependencies;
  const applied = await state.read();
  const nonce = newNonce();
  const request: SyncRequest = {
    protocolVersion: PROTOCOL_VERSION,
    nonce,
    tables: mirrors.map(({ name, fingerprint, checksum }) => ({ name, fingerprint, checksum })),
    ...(applied === null ? {} : { lastManifestId: applied.manifestId, schemaVersion: applied.schemaVersion }),
    ...(wholeTables ? { wholeTables } : {}),
  };
  const response = await context.retrying(() => hub.request(request, context.call));
  if (response.status === 'current') {
    if (response.manifestId === applied?.manifestId) return undefined;
    throw new RivuletError(
      'CENTRAL_RESPONSE_INVALID',
      'Central calls a manifest current that is not applied here.',
    );
  }
  const trustedKey = configuredKey ?? applied?.centralKey;
  const verified = await verifyManifest(response.manifest, { macAddress, nonce, trustedKey });
  const { manifest } = verified;
  context.describeManifest(manifest);
  if (manifest.manifestId === applied?.manifestId) return undefined;
  // Checked again when it is applied, under the lock; here it spares the download.
  refuseStale(manifest, applied);
  return { verified, plan: parseSyncPlan(response.plan, manifest, request) };
}

/** The chunks of the mirrors with rows that central sends in chunks. */
async function heldChunks(
  context: CycleContext,
  { verified, plan }: Answer,
  held: EdgeSyncTable[],
): Promise<HeldChunks[]> {
  const { applyMode, state } = context.dependencies;
  const { tables } = verified.manifest;
  const mirrors: HeldChunks[] = [];
  if (applyMode === 'truncate') return mirrors;
  const arranged =
    applyMode === 'merge'
      ? await arrangeMirrors(context.lease.client, tables, await state.tables())
      : undefined;
  for (const [index, table] of tables.entries()) {
    if (plan.tables[index]!.action !== 'load') continue;
    const { name } = table;
    const own = held.find((candidate) => candidate.name === name);
    if (own !== undefined && own.rows > 0) {
      const digests = await readChunkDigests(context.lease.client, name);
      mirrors.push({ name, fingerprint: own.fingerprint, digests });
    } else if (own === undefined && arranged !== undefined) {
      mirrors.push(...(await findChunks(context, arranged.mirrors[index]!)));
    }
  }
  return mirrors;
}

/** Reads a mirror that may be there though nothing, or nothing right, is recorded of it. */
async function findChunks(
  { lease: { client }, dependencies, signal }: CycleContext,
  { table, place, fits }: ArrangedMirror,
): Promise<HeldChunks[]> {
  const { name, fingerprint } = table;
  if (!fits) return [];
  const found = await inTransaction(client, dependencies.applyLimits, async () => {
    await useCanonicalSettings(client);
    return scanMirror(client, await openMirror(client, table, place), () => signal.throwIfAborted());
  });
  if (found.length === 0) return [];
  return [{ name, fingerprint, digests: found.map(({ digest }) => digest.toString('hex')), found }];
}
