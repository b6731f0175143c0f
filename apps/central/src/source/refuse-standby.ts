import { RivuletError } from '@rivulet/errors';
import type { Pool } from 'pg';
import type { DetectionMode } from './change-detection/change-detection';

/** Triggers cannot notice changes on a standby. @throws RivuletError ENVIRONMENT_INVALID */
export async function refuseStandby(source: Pool, address: string, mode: DetectionMode): Promise<void> {
  if (mode !== 'trigger') return;
  const { rows } = await source.query<{ isStandby: boolean }>('SELECT pg_is_in_recovery() AS "isStandby"');
  if (!rows[0]!.isStandby) return;
  throw new RivuletError(
    'ENVIRONMENT_INVALID',
    `The source database at ${address} is a standby, which takes no triggers to notice changes by.`,
    { nextStep: 'Set CENTRAL_CHANGE_DETECTION=poll, or CENTRAL_SOURCE_DATABASE_URL to the primary.' },
  );
}
