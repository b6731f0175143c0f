import { RivuletError } from '@rivulet/errors';
import { isPostgresError } from '@rivulet/postgres';
import { placeText } from '../catalogue/mirror-place';
import type { MirrorShape } from '../catalogue/mirror-shape';

/** Data exceptions, and syntax errors in jsonpath and tsquery. */
const UNREADABLE = /^22|^42601$/;

/** Matches the context of the COPY itself, not of a trigger: `COPY waits, line 3, column wait: "infinity"`. */
const PLACE_IN_COPY = /^COPY .+?, line \d+(?:, column (.*))?/s;

/**
 * Explains a failed COPY of a manifest's rows. Central's PostgreSQL wrote them, so a value that this one cannot read
 * exists only in the other version. Returns any other error unchanged.
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
        `Everything was rolled back. If central runs a different PostgreSQL version, use that version here; ` +
        `otherwise exclude the value in the query of dataset ${table.name}. docs/types.md lists the differences.`,
      cause: error,
    },
  );
}

/** The column whose name the text begins with. Name and value may contain any character. */
function columnAt(table: MirrorShape, text: string | undefined): string | undefined {
  const names = table.columns.map(({ name }) => name).filter((name) => text?.startsWith(`${name}: `));
  return names.toSorted((a, b) => b.length - a.length)[0];
}
