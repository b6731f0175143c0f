import '@rivulet/node-version';
import { onParentDeath } from '@rivulet/app-process';
import type { ClientBase } from 'pg';
import { Failure } from '../failure';
import { runMain } from '../run-main';
import { connect } from './connect';
import { explainSqlError } from './explain-sql-error';
import { findDatabase } from './find-database';
import { formatResult, resultJson, type SqlResult } from './format-result';
import { readArguments, USAGE } from './sql-arguments';

/** `npm run sql`: one statement in the database of an app that runs here. */
async function main(): Promise<void> {
  onParentDeath(() => process.exit(1));
  const args = readArguments(process.argv.slice(2));
  if (args === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const { app, statement, asJson } = args;
  const client = await connect(findDatabase(app), app);
  try {
    for (const result of await run(client, statement)) print(result, asJson);
  } finally {
    await client.end();
  }
}

/** One result for each statement of the text. */
async function run(client: ClientBase, statement: string): Promise<SqlResult[]> {
  try {
    return [await client.query({ text: statement, rowMode: 'array' })].flat() as SqlResult[];
  } catch (error) {
    throw new Failure(explainSqlError(error as Error, statement));
  }
}

function print(result: SqlResult, asJson: boolean): void {
  const { isTTY, columns } = process.stdout;
  const text = asJson
    ? JSON.stringify(resultJson(result))
    : formatResult(result, isTTY ? columns : undefined);
  process.stdout.write(`${text}\n`);
}

void runMain(main);
