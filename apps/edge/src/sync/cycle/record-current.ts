import { RivuletError } from '@rivulet/errors';
import type { EdgeSyncTable } from '../../state/edge-sync-table.entity';
import type { SyncResult, TableResult } from '../../state/sync-result';
import { acknowledgePending } from './acknowledge-pending';
import type { CycleContext } from './cycle-context';
import type { CurrentAnswer } from './request-update';

/**
 * Logs that the mirrors are up to date. No manifest needs the frames of a download that was abandoned any more. A report
 * that was confirmed, and that central lacks, was confirmed by somebody else, or central has lost it: it is sent again.
 */
export async function recordCurrent(
  context: CycleContext,
  { lacksReport }: CurrentAnswer,
): Promise<{ kind: 'current'; entry: SyncResult }> {
  const { state, spool, nameError } = context.dependencies;
  const { manifestId, epoch, sequence } = (await state.read())!;
  const tables = (await state.tables()).map(toUnchanged);
  context.report.describe({ manifestId, epoch, sequence });
  if (lacksReport && (await state.reopenReport(manifestId))) {
    const lost = `Central does not have the report on ${manifestId} that was confirmed here.`;
    context.warn('The report is sent again', new RivuletError('ANSWER_MISMATCHED', lost));
    await acknowledgePending(context);
  }
  const pending = await state.unacknowledged();
  const acknowledged = !pending.some((report) => report.manifestId === manifestId);
  const entry = context.report.end({ status: 'current', tables, acknowledged });
  await state.recordCycle(entry);
  await spool.clear().catch((error: unknown) => {
    context.warn('The spool could not be emptied', nameError(error));
  });
  return { kind: 'current', entry };
}

function toUnchanged({ name, table, rows, bytes, checksum }: EdgeSyncTable): TableResult {
  return { name, table, action: 'unchanged', rows, rowsChanged: 0, bytes, checksum };
}
