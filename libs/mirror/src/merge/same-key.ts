import { keyColumns, keyExpression } from '../ranges/key-range';
import type { Mirror } from '../table/mirror-table';

/** The condition that the rows `mirror` and `staged` have the same key. */
export function sameKey(mirror: Mirror): string {
  return keyColumns(mirror)
    .map((column) => `${keyExpression('mirror', column)} = ${keyExpression('staged', column)}`)
    .join(' AND ');
}
