import { RivuletError } from '@rivulet/errors';
import { hasSqlState, sqlState, type PostgresError } from '@rivulet/postgres';
import type { MirrorShape } from './mirror-shape';

/**
 * Has `work` write rows under their primary key, or give them one. Central has seen that no two keys have one text; for PostgreSQL they can be
 * equal all the same.
 *
 * @throws RivuletError DATASET_KEY_NOT_UNIQUE
 */
export async function namingDuplicateKeys<T>(
  { name, key }: Pick<MirrorShape, 'name' | 'key'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!hasSqlState(error, sqlState.uniqueViolation) || !isAbout(key, error)) throw error;
    throw new RivuletError(
      'DATASET_KEY_NOT_UNIQUE',
      `Dataset ${name} has two rows whose keys PostgreSQL calls equal, though they differ as text ` +
        `(as 1.0 and 1.00 do, or 0 and -0): ${error.detail ?? error.message}`,
      {
        cause: error,
        nextStep: 'Cast the key in the query so that equal values have one text, or remove the duplicates.',
      },
    );
  }
}

/** An application can have made other unique indexes. PostgreSQL names the columns: `Key (id, "at")=(1, now) is duplicated.` */
function isAbout(key: string[], { detail }: PostgresError): boolean {
  const named = /^Key \((.*?)\)=\(/s.exec(detail ?? '')?.[1];
  return named?.replaceAll('"', '') === key.join(', ').replaceAll('"', '');
}
