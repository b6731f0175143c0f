import { ensureInstalled } from './ensure-installed.mjs';
import { Failure, runMain } from './project.mjs';
import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from './runtime-file.mjs';
import { explainSqlError } from './sql-error.mjs';
import { formatResult } from './sql-table.mjs';

const USAGE = 'Usage: npm run sql -- central|edge "<statement>" [--json]';
const CONNECT_TIMEOUT_MS = 5_000;

/** Types whose JSON form is exact. A bigint or a numeric is not among them and stays text. */
const JSON_TYPE_IDS = new Set([16, 21, 23, 26, 114, 3802]);

await runMain(async (args) => {
  const { app, statement, asJson } = readArguments(args);
  const connectionString = findDatabase(app);
  await ensureInstalled({ output: process.stderr });
  const client = await connect(connectionString, app);
  try {
    for (const result of [await run(client, statement)].flat()) print(result, asJson);
  } finally {
    await client.end();
  }
});

function readArguments(args) {
  const [app, ...words] = args.filter((argument) => argument !== '--json');
  const statement = words.join(' ').trim();
  if (app !== 'central' && app !== 'edge')
    throw new Failure(`Say whose database, central or edge.\n${USAGE}`, 2);
  if (statement === '') throw new Failure(`The statement is missing; put it in quotes.\n${USAGE}`, 2);
  return { app, statement, asJson: args.includes('--json') };
}

function findDatabase(app) {
  const name = `${app}DatabaseUrl`;
  const variable = `${app.toUpperCase()}_DATABASE_URL`;
  const url =
    readRuntimeFile(systemRuntimeFile)?.[name] ??
    readRuntimeFile(appRuntimeFile(app))?.[name] ??
    process.env[variable];
  if (url) return url;
  throw new Failure(
    `Rivulet is not running here: start it with npm start in another terminal, or set ${variable}.`,
  );
}

async function connect(connectionString, app) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    connectionString,
    application_name: 'rivulet-sql',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: { getTypeParser: () => (text) => text }, // As PostgreSQL writes it.
  });
  client.on('notice', ({ severity, message }) => process.stderr.write(`${severity}: ${message}\n`));
  client.on('error', () => {}); // The statement that was under way reports it.
  try {
    await client.connect();
    return client;
  } catch (error) {
    const reason = error.message || error.code;
    throw new Failure(`The database of ${app} does not answer (${reason}). Is Rivulet still running?`);
  }
}

async function run(client, statement) {
  try {
    return await client.query({ text: statement, rowMode: 'array' });
  } catch (error) {
    throw new Failure(explainSqlError(error, statement));
  }
}

function print(result, asJson) {
  if (asJson) {
    process.stdout.write(`${JSON.stringify(toJson(result))}\n`);
    return;
  }
  const { isTTY, columns } = process.stdout;
  process.stdout.write(`${formatResult(result, isTTY ? columns : undefined)}\n`);
}

/** The rows, or `{"command":"UPDATE","rowCount":1}` for a statement without any. */
function toJson({ command, rowCount, fields, rows }) {
  if (fields.length === 0) return { command, rowCount };
  const parse = (text, index) =>
    text !== null && JSON_TYPE_IDS.has(fields[index].dataTypeID) ? parseJson(text) : text;
  return rows.map((row) =>
    Object.fromEntries(row.map((text, index) => [fields[index].name, parse(text, index)])),
  );
}

function parseJson(text) {
  if (text === 't' || text === 'f') return text === 't';
  return JSON.parse(text);
}
