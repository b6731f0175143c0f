import type { Dataset, DatasetDefinition, Watch } from '@rivulet/datasets';
import { nameOf, renderQuery, significantTokens, type SqlToken } from '@rivulet/snapshot';
import type { Findings } from './findings';
import { isWord, outermostTokens } from './query-text-cautions';

/** The message lists this many columns. */
const MAX_LISTED = 12;

/** Warns of queries by which a column that is added to a table reaches the devices, although nobody has named it. */
export function cautionAboutLeaks(dataset: Dataset, { warnings, notes }: Findings): void {
  const { definition, columns, unsent } = dataset;
  const { name, query } = definition;
  if (unsent.length > 0) {
    notes.add(
      query.placeOf(0),
      `the query of dataset ${name} also returns ${listed(unsent)}, which \`columns:\` does not name and which is not sent`,
    );
  }
  const star = openStar(definition);
  if (star === undefined || definition.columns !== undefined) return;
  warnings.add(
    query.placeOf(star),
    `dataset ${name} selects every column with *, so a column that is added to the table goes to the devices ` +
      `within seconds; list the columns in the query, or pin them: \`columns: [${listed(columns.map((column) => column.name))}]\``,
  );
}

/** A value made of a whole row has each new column inside, also where the columns of the dataset are pinned. */
export function cautionAboutWholeRows(
  { definition: { name, query } }: Dataset,
  { hasWholeRow = false }: Watch,
  { warnings }: Findings,
): void {
  if (!hasWholeRow) return;
  warnings.add(
    query.placeOf(0),
    `dataset ${name} makes one value of whole rows, such as to_jsonb(t), so a column that is added to the table goes ` +
      "to the devices within seconds, inside that value; name the columns, such as jsonb_build_object('id', t.id)",
  );
}

function listed(names: string[]): string {
  const shown = names
    .slice(0, MAX_LISTED)
    .map((name) => (/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)));
  return names.length > MAX_LISTED ? `${shown.join(', ')}, …` : shown.join(', ');
}

/** Where the result has all columns of something, which are not all listed further in. */
function openStar({ query }: DatasetDefinition): number | undefined {
  const sql = renderQuery(query.template, (parameter) => `:${parameter}`);
  const tokens = significantTokens(sql);
  const stars = tokens.filter((_, index) => isStar(tokens, index) || isTableCommand(tokens, index));
  // The whole query can stand in parentheses, or its parts.
  const outer = tokens[0]?.text === '(' ? tokens : outermostTokens(sql);
  const places = new Set(outer.map(({ start }) => start));
  const star = stars.find(({ start }) => places.has(start));
  const isOpen =
    stars.length > 1 || (star !== undefined && isWord(star, 'table')) || namesTable(tokens, outer);
  return isOpen ? star?.start : undefined;
}

/** `SELECT *`, `SELECT 1, g.*`, `(t).*`: what follows a product is an operand, and `(*)` is that of count(*). */
function isStar(tokens: SqlToken[], index: number): boolean {
  if (tokens[index]!.text !== '*' || tokens[index - 1]?.text === '(') return false;
  const next = tokens[index + 1];
  return next === undefined || /^[),;]$/.test(next.text) || isWord(next, ...behindSelectList);
}

const behindSelectList =
  'from where group having window union intersect except order limit offset fetch for into'.split(' ');

/** `TABLE users`: as SELECT *. */
function isTableCommand(tokens: SqlToken[], index: number): boolean {
  if (!isWord(tokens[index], 'table')) return false;
  const before = tokens[index - 1];
  return (
    before === undefined ||
    before.text === '(' ||
    isWord(before, 'union', 'intersect', 'except', 'all', 'distinct', 'as')
  );
}

/** Whether the outermost FROM names anything but subqueries and WITH queries. */
function namesTable(tokens: SqlToken[], outer: SqlToken[]): boolean {
  const places = new Set(outer.map(({ start }) => start));
  const select = outer.findIndex((token) => isWord(token, 'select'));
  const withNames = outer.slice(0, select).filter((_, index) => isWord(outer[index + 1], 'as'));
  const known = new Set(withNames.map(nameOf));
  let isInFrom = false;
  return tokens.some((token, index) => {
    if (!places.has(token.start)) return false;
    const before = tokens[index - 1];
    if (isWord(token, 'from')) isInFrom = true;
    if (isWord(token, 'where', 'group', 'order', 'union', 'intersect', 'except', 'select')) isInFrom = false;
    const isName =
      token.kind === 'quotedName' || (token.kind === 'name' && !isWord(token, 'lateral', 'only'));
    const isSource = isWord(before, 'from', 'join', 'only') || (isInFrom && before?.text === ',');
    return isName && isSource && !known.has(nameOf(token));
  });
}
