import { parseArgs } from 'node:util';
import { parseDuration } from '@rivulet/platform';
import { normaliseMacAddress } from '@rivulet/protocol';
import { didYouMean } from '@rivulet/datasets';
import { readKeyOption, type KeyOption } from './key-options';
import { UsageError } from './usage-error';

export const USAGE = `Usage: npm run datasets -- <command> [options]

  check      finds every mistake in the datasets file, and what may become one
  preview    shows what one device would get; needs --mac
  explain    shows how PostgreSQL reads each dataset
  init       makes a datasets file of the tables that there are

  --file FILE       the datasets file; otherwise that of CENTRAL_DATASETS_FILE
  --mac ADDRESS     a device. For check it can be given several times; without it a few are looked for.
                    For init it is the one that the file knows when no table has MAC addresses
  --dataset NAME    preview, explain: only this one; can be given several times
  --rows N          preview: sample rows of each dataset, 3 unless given
  --columns         check: also the columns of each dataset with their types
  --analyze         explain: runs the queries and shows what they took
  --schema NAME     init: whose tables, public unless given; can be given several times
  --key TABLE=COLUMN,…  init: the key of a table that has none; can be given several times
  --out FILE        init: the file to make; without it the text is printed
  --timeout TIME    longest time that one statement may take, 30s unless given
  --json            the same for machines

The database is that of CENTRAL_SOURCE_DATABASE_URL or CENTRAL_DATABASE_URL; otherwise that of npm start.
Exit code: 0 all is well, 1 there are mistakes, 2 the command is not understood.
`;

export const COMMANDS = ['check', 'preview', 'explain', 'init'] as const;
export type Command = (typeof COMMANDS)[number];

export interface ToolArguments {
  command: Command;
  file: string | undefined;
  /** In normal form. */
  macAddresses: string[];
  datasets: string[];
  sampleRows: number;
  showColumns: boolean;
  analyze: boolean;
  timeoutMs: number;
  asJson: boolean;
  schemas: string[];
  keys: KeyOption[];
  out: string | undefined;
}

const options = {
  file: { type: 'string' },
  mac: { type: 'string', multiple: true },
  dataset: { type: 'string', multiple: true },
  rows: { type: 'string', default: '3' },
  columns: { type: 'boolean', default: false },
  analyze: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '30s' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  schema: { type: 'string', multiple: true },
  key: { type: 'string', multiple: true },
  out: { type: 'string' },
} as const;

const MAX_SAMPLE_ROWS = 100;
export const EXAMPLE_MAC = '48:b0:2d:e9:c3:b7';

/** @returns undefined when help is asked for. @throws UsageError */
export function readArguments(argv: string[]): ToolArguments | undefined {
  const { values, positionals } = parse(argv);
  if (values.help) return undefined;
  const command = COMMANDS.find((name) => name === positionals[0]);
  if (command === undefined) throw new UsageError(describeUnknown(positionals[0]));
  if (positionals.length > 1) throw new UsageError(`"${positionals[1]}" is one word too many.`);
  const sampleRows = Number(values.rows);
  if (!/^\d+$/.test(values.rows) || sampleRows > MAX_SAMPLE_ROWS) {
    throw new UsageError(`--rows is "${values.rows}"; it must be a number from 0 to ${MAX_SAMPLE_ROWS}.`);
  }
  const timeoutMs = parseDuration(values.timeout);
  if (!timeoutMs) throw new UsageError(`--timeout is "${values.timeout}"; write it as 30s or 5m.`);
  const macAddresses = (values.mac ?? []).map(readMacAddress);
  refuseMisplaced(command, values, macAddresses.length);
  return {
    command,
    file: values.file,
    macAddresses,
    datasets: values.dataset ?? [],
    sampleRows,
    showColumns: values.columns,
    analyze: values.analyze,
    timeoutMs,
    asJson: values.json,
    schemas: values.schema ?? ['public'],
    keys: (values.key ?? []).map(readKeyOption),
    out: values.out,
  };
}

/** Options that do not go with the command, or that it lacks. */
function refuseMisplaced(
  command: Command,
  values: ReturnType<typeof parse>['values'],
  macAddresses: number,
): void {
  if (command === 'preview' && macAddresses === 0) {
    throw new UsageError(`preview needs the device: --mac ${EXAMPLE_MAC}.`);
  }
  if (command === 'check' && values.dataset !== undefined) {
    throw new UsageError('check looks at the whole file; --dataset is for preview and explain.');
  }
  if (command !== 'check' && macAddresses > 1) throw new UsageError(`${command} takes one --mac.`);
  if (command === 'explain' && values.analyze && macAddresses === 0) {
    throw new UsageError(`--analyze runs the queries, and needs the device: --mac ${EXAMPLE_MAC}.`);
  }
  for (const name of ['schema', 'key', 'out'] as const) {
    if (command !== 'init' && values[name] !== undefined) throw new UsageError(`--${name} is for init.`);
  }
  for (const name of ['file', 'dataset', 'json'] as const) {
    if (command === 'init' && values[name]) throw new UsageError(`--${name} is not for init.`);
  }
}

function describeUnknown(word: string | undefined): string {
  const known = COMMANDS.join(', ');
  if (word === undefined) return `Say what to do: ${known}.`;
  return `"${word}" is none of ${known}${didYouMean(word, COMMANDS) || '.'}`;
}

function parse(argv: string[]) {
  try {
    return parseArgs({ args: argv, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function readMacAddress(text: string): string {
  try {
    return normaliseMacAddress(text);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
