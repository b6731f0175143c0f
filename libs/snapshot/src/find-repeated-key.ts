import { escapeIdentifier, type ClientBase } from 'pg';
import { canonicalSelect, type RowSource } from './read-chunks';

/** A key shared by several rows. */
export interface RepeatedKey {
  rows: number;
  /** For each key column, the first text among these rows. */
  texts: string[];
  /** For each key column, the last text. It differs from the first if equal values have different texts. */
  lastTexts: string[];
}

/** Texts are cut to this length. */
const SHOWN_CHARACTERS = 200;

/**
 * Finds a key that is equal in several rows by PostgreSQL's comparison, which is also that of the mirror's primary key.
 * Ignores rows with NULL in their key. Runs the whole query once more, in the order of its key. A second statement reads
 * the texts, only if there is such a key: for a million keys one statement takes 1.4 s instead of 0.4 s.
 */
export async function findRepeatedKey(
  client: ClientBase,
  source: RowSource,
): Promise<RepeatedKey | undefined> {
  const key = source.columns.slice(0, source.keyColumns);
  const names = key.map(({ name }) => escapeIdentifier(name));
  const columns = key.map(({ collatable }, index) => names[index]! + (collatable ? ' COLLATE "C"' : ''));
  const repeated =
    `FROM (${canonicalSelect(source)}) AS dataset\n` +
    `WHERE ${names.map((name) => `${name} IS NOT NULL`).join(' AND ')}\n` +
    `GROUP BY ${columns.join(', ')} HAVING count(*) > 1 LIMIT 1`;
  const { rowCount } = await client.query(`SELECT ${repeated}`);
  if (rowCount === 0) return undefined;
  // Unlike a cast to text, format() keeps trailing blanks of a bpchar.
  const texts = columns.map((column) => `left(format('%s', ${column}), ${SHOWN_CHARACTERS}) COLLATE "C"`);
  const shown = ['min', 'max'].flatMap((end) => texts.map((text) => `${end}(${text})`));
  const { rows } = await client.query<string[]>({
    text: `SELECT count(*), ${shown.join(', ')}\n${repeated}`,
    rowMode: 'array',
  });
  if (rows[0] === undefined) return undefined;
  const [count, ...found] = rows[0];
  return { rows: Number(count), texts: found.slice(0, key.length), lastTexts: found.slice(key.length) };
}
