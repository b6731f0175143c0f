import { RivuletError } from '@rivulet/errors';
import { hasSqlState, sqlState, type PostgresError } from '@rivulet/postgres';
import type { MirrorShape } from '../catalogue/mirror-shape';

/**
 * Runs `work`, which writes rows under a primary key or adds one, and translates a unique violation. Central has checked
 * that no two keys have the same text, but PostgreSQL may still treat them as equal.
 *
 * @throws RivuletError DATASET_KEY_NOT_UNIQUE
 */
export async function translateDuplicateKeys<T>(
  { name, key }: Pick<MirrorShape, 'name' | 'key'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!hasSqlState(error, sqlState.uniqueViolation) || !isAbout(key, error)) throw error;
    throw new RivuletError(
      'DATASET_KEY_NOT_UNIQUE',
      `Dataset ${name} has two rows whose keys are equal in PostgreSQL although their texts differ ` +
        `(like 1.0 and 1.00, or 0 and -0): ${error.detail ?? error.message}`,
      {
        cause: error,
        nextStep: 'Cast the key in the query so that equal values have one text, or remove the duplicates.',
      },
    );
  }
}

/** Tells the key from an application's unique index. PostgreSQL names the columns: `Key (id, "at")=(1, now) is duplicated.` */
function isAbout(key: string[], { detail }: PostgresError): boolean {
  const named = /^Key \((.*?)\)=\(/s.exec(detail ?? '')?.[1];
  return named?.replaceAll('"', '') === key.join(', ').replaceAll('"', '');
}
