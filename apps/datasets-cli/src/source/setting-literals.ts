import { literalsOf, parseQuery, type SessionSetting, type SettingUse } from '@rivulet/datasets';
import { inUndoneSavepoint, isInterruption, isPostgresError } from '@rivulet/postgres';
import { renderQuery, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';

/** A text that may be read as a date, a moment or an interval. */
const SUSPECT = /\d\s*[-/.: ]\s*\d/;

interface Trial {
  setting: SessionSetting;
  name: string;
  /** Other values than the one that Rivulet pins. */
  values: string[];
  type: string;
}

const trials: Trial[] = [
  { setting: 'DateStyle of text', name: 'DateStyle', values: ['ISO, DMY', 'ISO, MDY'], type: 'timestamp' },
  { setting: 'TimeZone', name: 'TimeZone', values: ['Pacific/Kiritimati'], type: 'timestamptz' },
  { setting: 'IntervalStyle', name: 'IntervalStyle', values: ['sql_standard'], type: 'interval' },
];

/**
 * The literals of a query that PostgreSQL reads as other values under other settings, while it parses the query. Found by
 * having it parse the query under each: only constants can differ.
 */
export async function findSettingLiterals(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
): Promise<SettingUse[]> {
  const literals = [...new Set(literalsOf(renderQuery(template, () => 'NULL')))].filter((text) =>
    SUSPECT.test(text),
  );
  if (literals.length === 0) return [];
  const parse = (): Promise<string> => parseQuery(client, template, parameters);
  const usual = await parse();
  const uses: SettingUse[] = [];
  for (const { setting, name, values, type } of trials) {
    for (const value of values) {
      if ((await under(client, name, value, parse)) === usual) continue;
      for (const literal of literals) {
        const read = (): Promise<string> => readAs(client, literal, type);
        const differs = (await under(client, name, value, read)) !== (await tolerant(client, read));
        const isKnown = uses.some((use) => use.setting === setting && use.word === literal);
        if (differs && !isKnown)
          uses.push({ setting, what: `the text '${literal}'`, word: literal, isCast: false });
      }
    }
  }
  return uses;
}

async function under(
  client: ClientBase,
  setting: string,
  value: string,
  work: () => Promise<string>,
): Promise<string | undefined> {
  return tolerant(client, async () => {
    await client.query('SELECT set_config($1, $2, true)', [setting, value]);
    return work();
  });
}

/** Undefined where PostgreSQL cannot read it so. */
async function tolerant(client: ClientBase, work: () => Promise<string>): Promise<string | undefined> {
  try {
    return await inUndoneSavepoint(client, work);
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    return undefined;
  }
}

/** The moment itself, whatever the settings print. */
async function readAs(client: ClientBase, literal: string, type: string): Promise<string> {
  const { rows } = await client.query<{ value: string }>(
    `SELECT extract(epoch FROM $1::text::${type})::text AS value`,
    [literal],
  );
  return rows[0]!.value;
}
