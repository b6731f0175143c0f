import type { SyncResult } from '../../state/sync-result';
import { acknowledgePending } from './acknowledge-pending';
import type { CycleContext } from './cycle-context';

/** After a commit: empties the spool and acknowledges. Whatever fails here is left to the next cycle. */
export async function tidyUp(context: CycleContext, entry: SyncResult): Promise<SyncResult> {
  const { spool, nameError } = context.dependencies;
  await spool.clear().catch((error: unknown) => {
    context.warn('The spool could not be emptied', nameError(error));
  });
  const confirmed = await acknowledgePending(context).catch((error: unknown) => {
    context.warn('The acknowledgement is left to the next cycle', nameError(error));
    return new Set<string>();
  });
  return context.report.end({ ...entry, acknowledged: confirmed.has(entry.cycleId) });
}
