import { RivuletError } from '@rivulet/errors';
import { isPostgresError } from '@rivulet/postgres';
import { placeText } from './mirror-place';
import type { MirrorShape } from './mirror-shape';

/** Data exceptions, and the syntax of the small languages that jsonpath and tsquery are. */
const UNREADABLE = /^22|^42601$/;

/** Of a COPY itself, not of a trigger that it fires: `COPY waits, line 3, column wait: "infinity"`. */
const PLACE_IN_COPY = /^COPY .+?, line \d+(?:, column (.*))?/s;

/**
 * What to throw when the COPY of a manifest's rows has failed. Central's PostgreSQL wrote them, so a value that this
 * one cannot read is one that only the other version has. Any other error stays what it is.
 */
export function explainUnreadable(table: MirrorShape, error: unknown): unknown {
  if (!isPostgresError(error) || !UNREADABLE.test(error.code)) return error;
  const place = PLACE_IN_COPY.exec(error.where ?? '');
  if (place === null) return error;
  const column = columnAt(table, place[1]);
  const where = `${column === undefined ? '' : `column ${column} of `}table ${placeText(table)}`;
  return new RivuletError(
    'APPLY_FAILED',
    `This edge's PostgreSQL cannot read a value in ${where}: ${error.message}.`,
    {
      nextStep:
        `Everything was rolled back. If central's PostgreSQL is of another version, run that one here, too; ` +
        `else have the query of dataset ${table.name} leave the value out. docs/types.md has what differs.`,
      cause: error,
    },
  );
}

/** The name that the text begins with, before the value: either may hold anything. */
function columnAt(table: MirrorShape, text: string | undefined): string | undefined {
  const names = table.columns.map(({ name }) => name).filter((name) => text?.startsWith(`${name}: `));
  return names.toSorted((a, b) => b.length - a.length)[0];
}
