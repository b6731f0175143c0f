import { parseArgs } from 'node:util';
import { parseDuration } from '@rivulet/platform';
import { normaliseMacAddress } from '@rivulet/protocol';
import { nearestName } from '@rivulet/datasets';
import { readKeyOption, type KeyOption } from './key-options';
import { UsageError } from './usage-error';

export const USAGE = `Usage: npm run datasets -- <command> [options]

  check      Finds every mistake in the datasets file and warns about likely problems.
  preview    Shows what one device would get. Requires --mac.
  explain    Shows PostgreSQL's plan for each dataset.
  init       Creates a datasets file from the existing tables.

  --file FILE       The datasets file. Default: CENTRAL_DATASETS_FILE.
  --mac ADDRESS     A device. check: can be repeated; without it a few devices are looked up.
                    init: the device in the file if no table has MAC addresses.
  --dataset NAME    preview, explain: only this dataset. Can be repeated.
  --rows N          preview: number of sample rows per dataset. Default: 3.
  --columns         check: also lists the columns of each dataset with their types.
  --analyze         explain: runs the queries and shows their actual times.
  --schema NAME     init: a schema whose tables to include. Default: public. Can be repeated.
  --key TABLE=COLUMN,…  init: the key of a table that has none. Can be repeated.
  --out FILE        init: the file to create. Without it the text is printed.
  --timeout TIME    Maximum time for one statement. Default: 30s.
  --json            Prints the result as JSON.

The database is CENTRAL_SOURCE_DATABASE_URL or CENTRAL_DATABASE_URL; otherwise that of npm start.
Exit code: 0 no mistakes, 1 mistakes found, 2 invalid command line.
`;

const COMMANDS = ['check', 'preview', 'explain', 'init'] as const;
type Command = (typeof COMMANDS)[number];

export interface ToolArguments {
  command: Command;
  file: string | undefined;
  /** Normalised. */
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

/** Returns undefined for --help. @throws UsageError */
export function readArguments(argv: string[]): ToolArguments | undefined {
  const { values, positionals } = parse(argv);
  if (values.help) return undefined;
  const command = COMMANDS.find((name) => name === positionals[0]);
  if (command === undefined) throw new UsageError(describeUnknown(positionals[0]));
  if (positionals.length > 1) throw new UsageError(`Unexpected argument "${positionals[1]}".`);
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

/** @throws UsageError for options that the command does not accept, or that it requires */
function refuseMisplaced(command: Command, values: OptionValues, macAddresses: number): void {
  if (command === 'preview' && macAddresses === 0) {
    throw new UsageError(`preview requires a device: --mac ${EXAMPLE_MAC}.`);
  }
  if (command === 'check' && values.dataset !== undefined) {
    throw new UsageError(
      'check always covers the whole file; --dataset works only with preview and explain.',
    );
  }
  if (command !== 'check' && macAddresses > 1) throw new UsageError(`${command} accepts only one --mac.`);
  if (command === 'explain' && values.analyze && macAddresses === 0) {
    throw new UsageError(`--analyze runs the queries and requires a device: --mac ${EXAMPLE_MAC}.`);
  }
  for (const name of ['schema', 'key', 'out'] as const) {
    if (command !== 'init' && values[name] !== undefined)
      throw new UsageError(`--${name} works only with init.`);
  }
  for (const name of ['file', 'dataset', 'json'] as const) {
    if (command === 'init' && values[name]) throw new UsageError(`init does not accept --${name}.`);
  }
}

function describeUnknown(word: string | undefined): string {
  const known = COMMANDS.join(', ');
  if (word === undefined) return `Specify a command: ${known}.`;
  const meant = nearestName(word, COMMANDS);
  return `Unknown command "${word}". ${meant === undefined ? `Commands: ${known}.` : `Did you mean "${meant}"?`}`;
}

type OptionValues = ReturnType<typeof parse>['values'];

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
