import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { describeDeviations } from '../../mirrors/describe-deviations';
import { healMirrors } from '../../mirrors/heal-mirrors';
import type { TableTask } from '../../mirrors/plan-tables';
import type { CycleContext } from './cycle-context';

/** An attempt that has changed nothing. */
export interface FailedAttempt {
  kind: 'failed';
  error: unknown;
  /** The tasks that change mirrors with rows, and so fail when such a mirror does not match its record. */
  suspects: TableTask[];
}

/** `ask-again`: a record was wrong and is corrected now · `ask-for-chunks`: instead of patches, one of which is wrong */
export type Cure = 'ask-again' | 'ask-for-chunks' | 'none';

/**
 * Finds out why a manifest could not be proved, and whether another request can help: a mirror did not match its record,
 * or a patch was wrong.
 */
export async function findCure(context: CycleContext, { error, suspects }: FailedAttempt): Promise<Cure> {
  if (!isCurable(error) || suspects.length === 0) return 'none';
  if (await heal(context, suspects, error)) return 'ask-again';
  if (error.code === 'MIRROR_REJECTS_ROWS') return 'none';
  if (!suspects.some(({ action }) => action === 'patch')) return 'none';
  context.warn('Patched rows do not match the manifest; retrying with full chunks', error);
  return 'ask-for-chunks';
}

function isCurable(error: unknown): error is RivuletError {
  if (!(error instanceof RivuletError)) return false;
  return CURABLE.has(error.code);
}

/** The last: rows that somebody else has written to a mirror may be what the coming ones collide with. */
const CURABLE = new Set<ErrorCode>(['CHECKSUM_MISMATCH', 'FRAME_INVALID', 'MIRROR_REJECTS_ROWS']);

async function heal(context: CycleContext, tasks: TableTask[], cause: RivuletError): Promise<boolean> {
  const { state, applyLimits: limits } = context.dependencies;
  return healMirrors(context.lease, state, {
    tasks,
    limits,
    signal: context.signal,
    onDeviation: (inspection) => {
      const found = describeDeviations(inspection);
      context.warn(`${found} Somebody else writes to it. Requesting its rows again`, cause);
    },
  });
}
