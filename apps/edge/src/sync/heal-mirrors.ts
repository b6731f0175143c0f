import { inTransaction, useCanonicalSettings } from '@rivulet/postgres';
import type { RivuletError } from '@rivulet/errors';
import { describeDeviations } from '../scrub/describe-deviations';
import { inspectMirror } from '../scrub/inspect-mirror';
import type { CycleContext } from './cycle-context';
import type { TableTask } from './plan-tables';

/**
 * After a manifest could not be proved: reads the mirrors that were to be changed, and records what they really hold
 * where that is something else. Central then sends those chunks again.
 *
 * @returns whether any was not as recorded
 */
export async function healMirrors(
  context: CycleContext,
  tasks: TableTask[],
  cause: RivuletError,
): Promise<boolean> {
  const { dependencies, lease, signal } = context;
  const { state, applyLimits } = dependencies;
  const names = new Set(tasks.map(({ table }) => table.name));
  const recorded = (await state.tables()).filter(({ name }) => names.has(name));
  // A mirror of which nothing is recorded is read anew for every plan.
  let isHealed = recorded.length < tasks.length;
  await inTransaction(lease.client, applyLimits, async () => {
    await useCanonicalSettings(lease.client);
    for (const mirror of recorded) {
      const inspection = await inspectMirror(lease.client, mirror, () => signal.throwIfAborted());
      if (inspection.status === 'intact') continue;
      isHealed = true;
      if (inspection.status === 'deviating') await state.recordFound(lease, mirror, inspection.found);
      context.warn(
        `${describeDeviations(inspection)} Somebody else writes to it. Asking for it again`,
        cause,
      );
    }
  });
  return isHealed;
}
