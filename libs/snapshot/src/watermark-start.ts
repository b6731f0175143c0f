import { escapeLiteral, type ClientBase } from 'pg';

const timeTypes = new Set(['timestamp with time zone', 'timestamp without time zone', 'date']);

/** A value below every other. */
const lowest: Record<string, string> = {
  'timestamp with time zone': '-infinity',
  'timestamp without time zone': '-infinity',
  date: '-infinity',
  smallint: '-32768',
  integer: '-2147483648',
  bigint: '-9223372036854775808',
  numeric: '-1e131071',
};

/** A type without its precision, as timestamp(3) with time zone. */
export function plainType(type: string): string {
  return type.replace(/\(\d+(,\d+)?\)/, '');
}

/**
 * The value that stands for `?`: the watermark less the overlap, or what is below every value where there is none. PostgreSQL
 * reads the watermark as a value of its type. The caller has pinned the canonical settings.
 *
 * @param type - without its precision
 * @returns undefined for a type that a watermark cannot have
 */
export async function watermarkStart(
  client: ClientBase,
  { after, overlap }: { after?: string | undefined; overlap: number },
  type: string,
): Promise<string | undefined> {
  const start = lowest[type];
  if (start === undefined || after === undefined) return start;
  const { rows } = await client.query<{ value: string }>(
    timeTypes.has(type)
      ? `SELECT ($1::${type} - $2 * interval '1 second')::${type}::text AS value`
      : `SELECT greatest($1::${type}::numeric - $2::numeric, ${escapeLiteral(start)}::numeric)::${type}::text AS value`,
    [after, overlap],
  );
  return rows[0]!.value;
}
