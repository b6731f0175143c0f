import type { Dataset, DatasetDefinition, SessionSetting, SettingUse, Watch } from '@rivulet/datasets';
import { canonicalSettings } from '@rivulet/postgres';
import { renderQuery, significantTokens, type SqlToken } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { Findings } from './findings';

/** The settings of a source session before it sets any, by name. */
export type SourceSettings = ReadonlyMap<string, string>;

export async function readSourceSettings(client: ClientBase): Promise<SourceSettings> {
  const { rows } = await client.query<{ name: string; value: string }>(
    `SELECT name, reset_val AS value FROM pg_settings WHERE name IN ('TimeZone', 'DateStyle', 'IntervalStyle', 'lc_monetary')`,
  );
  return new Map(rows.map(({ name, value }) => [name, value]));
}

/**
 * Tells which parts of a query mean something else in other sessions: central's have fixed settings. It is a warning
 * where the source's own sessions have others, as the devices then get other values than psql shows there.
 */
export function cautionAboutSettings(
  { definition }: Dataset,
  { settings = [] }: Watch,
  source: SourceSettings,
  { warnings, notes }: Findings,
): void {
  for (const use of settings) {
    const name = use.setting === 'DateStyle of text' ? 'DateStyle' : use.setting;
    const there = source.get(name) ?? '';
    const { place, text } = locate(definition, use);
    const expression = text === undefined ? '' : ` (${text})`;
    const problem =
      `dataset ${definition.name} has ${use.what}${expression}, which depends on ${name} of the session: ` +
      `central reads with ${canonicalSettings[name]}`;
    if (isAsPinned(use.setting, there)) notes.add(place, `${problem}, whatever other sessions have`);
    else {
      warnings.add(
        place,
        `${problem}, and sessions of the source have ${there} unless they set it, so that devices can get other values ` +
          `than psql shows; ${cures[use.setting](there)}`,
      );
    }
  }
}

const UTC = /^((Etc\/)?(UTC|UCT|GMT|Universal|Zulu|Greenwich)|GMT0?)$/i;

function isAsPinned(setting: SessionSetting, there: string): boolean {
  switch (setting) {
    case 'TimeZone':
      return UTC.test(there);
    case 'DateStyle':
      return there.startsWith('ISO');
    case 'DateStyle of text':
      return there.endsWith('YMD');
    case 'lc_monetary':
      return /^(C|POSIX)(\.|$)/.test(there);
    default:
      return there === canonicalSettings[setting];
  }
}

const cures: Record<SessionSetting, (there: string) => string> = {
  TimeZone: (there) => `name the zone that is meant, such as at AT TIME ZONE '${there}'`,
  DateStyle: () => "use to_char() with the form that is meant, such as 'YYYY-MM-DD'",
  'DateStyle of text': () =>
    "write dates as '2026-02-01', or read texts with to_date(…, 'DD/MM/YY') or to_timestamp()",
  IntervalStyle: () =>
    "write intervals as '1 day 02:00:00', or compare numbers such as extract(epoch FROM …)",
  lc_monetary: () => 'use numeric in the place of money',
};

interface Located {
  place: string;
  text: string | undefined;
}

/** Where the query says it, when it does itself and not a view or function. */
function locate({ query }: DatasetDefinition, use: SettingUse): Located {
  const sql = renderQuery(query.template, (parameter) => `:${parameter}`);
  const tokens = significantTokens(sql);
  const found = tokens.findIndex((token, index) => isUse(tokens, token, index, use));
  if (found === -1) return { place: query.placeOf(0), text: undefined };
  const [first, last] = use.isCast ? castAround(tokens, found) : callAround(tokens, found);
  const text = sql.slice(tokens[first]!.start, tokens[last]!.end).replaceAll(/\s+/g, ' ');
  const isNamed = use.what.includes(text);
  return { place: query.placeOf(tokens[first]!.start), text: isNamed ? undefined : shortened(text) };
}

const MAX_SHOWN = 60;

function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

function isUse(tokens: SqlToken[], { text, kind }: SqlToken, index: number, use: SettingUse): boolean {
  if (/literal/i.test(kind) || kind === 'dollarQuote')
    return text.includes(use.word) && use.what.startsWith('the text');
  if (text.toLowerCase() !== use.word.toLowerCase()) return false;
  const before = tokens[index - 1];
  if (use.isCast) return before?.kind === 'cast' || before?.text.toLowerCase() === 'as';
  if (kind === 'operator') return true;
  return !use.what.endsWith('()') || tokens[index + 1]?.text === '(';
}

/** `at::date`, `(a + b)::date`, `CAST(at AS date)` */
function castAround(tokens: SqlToken[], type: number): [number, number] {
  if (tokens[type - 1]!.kind !== 'cast') {
    let start = type;
    while (start > 0 && tokens[start]!.text.toLowerCase() !== 'cast') start--;
    return [start, closing(tokens, start + 1)];
  }
  let start = type - 2;
  if (tokens[start]?.text === ')') start = opening(tokens, start);
  while (start > 1 && tokens[start - 1]!.text === '.') start -= 2;
  if (start > 0 && tokens[start]!.text === '(' && tokens[start - 1]!.kind === 'name') start--;
  return [Math.max(0, start), type];
}

/** `date_trunc('day', at)`; a word or an operator alone. */
function callAround(tokens: SqlToken[], name: number): [number, number] {
  return [name, tokens[name + 1]?.text === '(' ? closing(tokens, name + 1) : name];
}

function closing(tokens: SqlToken[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    if (tokens[index]!.text === '(') depth++;
    if (tokens[index]!.text === ')') depth--;
    if (depth === 0) return index;
  }
  return tokens.length - 1;
}

function opening(tokens: SqlToken[], close: number): number {
  let depth = 0;
  for (let index = close; index >= 0; index--) {
    if (tokens[index]!.text === ')') depth++;
    if (tokens[index]!.text === '(') depth--;
    if (depth === 0) return index;
  }
  return 0;
}
