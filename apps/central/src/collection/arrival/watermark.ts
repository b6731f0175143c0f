import { RivuletError } from '@rivulet/errors';
import { escapeIdentifier, escapeLiteral, type ClientBase } from 'pg';
import type { Target } from './target-table';
import { ofNetwork, type WrittenBy } from './write-rows';

/** Types that a watermark can have: they grow, and both sides order them alike. */
const times = ['timestamp with time zone', 'timestamp without time zone', 'date'];
const numbers = ['smallint', 'integer', 'bigint', 'numeric'];

/**
 * The highest value of the watermark's column in the rows of a run, or the one before if that is higher. A time in the
 * future does not count, by central's clock: a device whose clock was ahead for a while would else keep back all that it
 * writes until then. Such rows are sent with each run until their time has come.
 *
 * @param before - the value after the run before
 * @throws RivuletError COLLECTION_OFFER_INVALID when the query has no such column, or it is of another type
 */
export async function highestWatermark(
  client: ClientBase,
  target: Target,
  column: string,
  { networkId, writtenBy, before }: { networkId: string; writtenBy: WrittenBy; before: string | null },
): Promise<string | null> {
  const type = typeOf(target, column);
  const name = escapeIdentifier(column);
  const highest = `max(${name})`;
  // Not least(), which takes now for the highest of no rows.
  const capped = times.includes(type)
    ? `CASE WHEN ${highest} > clock_timestamp()::${type} THEN clock_timestamp()::${type} ELSE ${highest} END`
    : highest;
  const known = before === null ? 'NULL' : escapeLiteral(before);
  const source =
    writtenBy === 'staged'
      ? 'pg_temp.rivulet_rows'
      : `${target.qualifiedName} WHERE ${ofNetwork(networkId)} AND run_id = current_setting('rivulet.run_id')`;
  const { rows } = await client.query<{ watermark: string | null }>(
    `SELECT greatest(${capped}, ${known}::${type})::text AS watermark FROM ${source}`,
  );
  return rows[0]!.watermark;
}

function typeOf({ mirror }: Target, column: string): string {
  const found = mirror.table.columns.find(({ name }) => name === column);
  if (found === undefined) throw invalid(`the query does not give the column ${column}, its watermark`);
  const type = found.type.replace(/\(\d+(,\d+)?\)/, '');
  if ([...times, ...numbers].includes(type)) return type;
  throw invalid(`a column of type ${found.type} cannot be a watermark, as ${column} is to be`);
}

function invalid(reason: string): RivuletError {
  return new RivuletError('COLLECTION_OFFER_INVALID', `The offer cannot be appended: ${reason}.`);
}
