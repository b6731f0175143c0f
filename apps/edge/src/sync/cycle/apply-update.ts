import { applyManifest, type ApplyOutcome } from '../../mirrors/apply-manifest';
import type { SyncResult } from '../../state/sync-result';
import type { CycleContext } from './cycle-context';
import type { FailedAttempt } from './find-cure';
import type { Update } from './request-update';

/** Applies the update in one transaction, which also writes the entry of the log. */
export async function applyUpdate(
  context: CycleContext,
  update: Update,
): Promise<{ kind: 'applied'; entry: SyncResult } | FailedAttempt> {
  const outcome = await apply(context, update);
  if (outcome.kind === 'committed') return { kind: 'applied', entry: outcome.recorded };
  if (outcome.kind === 'commit-unknown' && (await isApplied(context, outcome.recorded))) {
    return { kind: 'applied', entry: outcome.recorded };
  }
  const suspects = update.tasks.filter(({ action }) => action === 'merge' || action === 'patch');
  return { kind: 'failed', error: outcome.error, suspects };
}

async function apply(
  { dependencies, lease, order, progress, report, signal }: CycleContext,
  { verified, tasks }: Update,
): Promise<ApplyOutcome<SyncResult>> {
  const { state, spool, verify, applyLimits: limits } = dependencies;
  const { manifest, signedBy } = verified;
  const { confirmDeletes } = order;
  const work = { manifest, tasks, spool, verify, confirmDeletes, limits, progress, signal };
  return applyManifest(lease, state, work, async ({ tables, written, applyMs, verifyMs }) => {
    report.applied(applyMs, verifyMs);
    const entry = report.end({ status: 'applied', tables, acknowledged: false });
    await state.recordApplied(lease, manifest, signedBy, entry, written);
    return entry;
  });
}

/** Reads on another connection whether the commit has happened. */
async function isApplied({ dependencies }: CycleContext, { manifestId }: SyncResult): Promise<boolean> {
  const applied = await dependencies.state.read().catch(() => null);
  return applied?.manifestId === manifestId;
}
