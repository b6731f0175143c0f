import { parseArgs } from 'node:util';
import { Failure } from '../failure';

export const USAGE = 'Usage: npm run sql -- central|edge "<statement>" [--json]';

export type AppName = 'central' | 'edge';

export interface SqlArguments {
  app: AppName;
  statement: string;
  /** Results as JSON, one line each. */
  asJson: boolean;
}

/**
 * A statement is any text, and may begin with `--` or end with `-1`: what is no option of ours is part of it.
 *
 * @returns undefined when help is asked for
 * @throws Failure
 */
export function readArguments(argv: string[]): SqlArguments | undefined {
  const { values, tokens } = parseArgs({
    args: argv,
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
    strict: false,
    tokens: true,
  });
  if (values['help'] === true) return undefined;
  const options = new Set(
    tokens.filter((token) => token.kind === 'option' && token.rawName === '--json').map(({ index }) => index),
  );
  const [app, ...words] = argv.filter((_, index) => !options.has(index));
  const statement = words.join(' ').trim();
  if (app !== 'central' && app !== 'edge') {
    throw new Failure(`Say whose database, central or edge.\n${USAGE}`, 2);
  }
  if (statement === '') throw new Failure(`The statement is missing; put it in quotes.\n${USAGE}`, 2);
  return { app, statement, asJson: values['json'] === true };
}
