import { RivuletError } from '@rivulet/errors';
import type { CollectionWatermark } from '@rivulet/protocol';
import { escapeLiteral, type ClientBase } from 'pg';

const timeTypes = new Set(['timestamp with time zone', 'timestamp without time zone', 'date']);

/** What is below every value. */
const lowest: Record<string, string> = {
  'timestamp with time zone': '-infinity',
  'timestamp without time zone': '-infinity',
  date: '-infinity',
  smallint: '-32768',
  integer: '-2147483648',
  bigint: '-9223372036854775808',
  numeric: '-1e131071',
};

/**
 * The value that stands for `?`, as a literal with its type: the watermark less the overlap. PostgreSQL reads what central
 * has sent as a value of that type, before it is part of a query.
 *
 * @param type - of the watermark's column
 * @throws RivuletError COLLECTION_OFFER_INVALID
 */
export async function bindWatermark(
  client: ClientBase,
  { column, after, overlap }: CollectionWatermark,
  type: string,
): Promise<string> {
  const plain = type.replace(/\(\d+(,\d+)?\)/, '');
  const start = lowest[plain];
  if (start === undefined)
    throw new RivuletError(
      'COLLECTION_OFFER_INVALID',
      `A column of type ${type} cannot be a watermark, as ${column} is to be.`,
    );
  if (after === undefined) return literal(start, plain);
  const less = timeTypes.has(plain) ? `$2 * interval '1 second'` : '$2::numeric';
  const { rows } = await client.query<{ value: string }>(
    timeTypes.has(plain)
      ? `SELECT ($1::${plain} - ${less})::${plain}::text AS value`
      : `SELECT greatest($1::${plain}::numeric - ${less}, ${escapeLiteral(start)}::numeric)::${plain}::text AS value`,
    [after, overlap],
  );
  return literal(rows[0]!.value, plain);
}

function literal(value: string, type: string): string {
  return `(${escapeLiteral(value)}::${type})`;
}
