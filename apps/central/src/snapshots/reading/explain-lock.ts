import { RivuletError } from '@rivulet/errors';
import { hasSqlState, sqlState } from '@rivulet/postgres';
import type { Pool } from 'pg';
import { describeLockHolders } from '../../source/lock-holders';
import type { BoundDataset } from '../bound-dataset';

const END_THE_LOCK =
  'Other datasets go on while they can be read at one moment without this table. If the lock stays, end its transaction at ' +
  'the source (pg_terminate_backend); devices try again by themselves.';

/** Says who holds the lock that was waited for, if it was one. */
export async function explainLock(thrown: unknown, bound: BoundDataset[], source: Pool): Promise<unknown> {
  if (!(thrown instanceof RivuletError) || !hasSqlState(thrown.cause, sqlState.lockNotAvailable))
    return thrown;
  // A key of a version begins with the OID of the table.
  const keys = bound.flatMap(({ relations }) => relations);
  const tables = [...new Set(keys.map((key) => key.split(':')[0]!))];
  const holders = await describeLockHolders(source, tables).catch(() => undefined);
  if (holders === undefined) return thrown;
  const { code, message, cause } = thrown;
  return new RivuletError(code, `${message.replace(/\.$/, '')}: ${holders}.`, {
    cause,
    nextStep: END_THE_LOCK,
  });
}
