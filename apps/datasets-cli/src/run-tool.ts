import { resolve } from 'node:path';
import type { ProgressOutput } from '@rivulet/cli';
import { loadEnvironment, namedError, redactSecrets } from '@rivulet/platform';
import { RivuletError } from '@rivulet/errors';
import type { Pool } from 'pg';
import { createSourcePool } from '@rivulet/datasets';
import { EXAMPLE_MAC, readArguments, USAGE, type ToolArguments } from './arguments/arguments';
import { checkDatasetsFile } from './check/check';
import { CliEnv } from './cli-env';
import { explainDatasets } from './explain/explain';
import { initDatasetsFile } from './init/init';
import { previewDevice } from './preview/preview';
import { checkJson, checkLines } from './check/check-report';
import { explainJson, explainLines } from './explain/explain-report';
import { starterLines } from './init/starter-report';
import { previewJson, previewLines } from './preview/preview-report';
import { CommandProgress } from './progress/command-progress';
import { openSource, sourceVariable, tryConnection } from './source/source-database';
import { nameRefusal } from './source/source-refusal';
import { UsageError } from './arguments/usage-error';

export interface ToolSurroundings {
  environment: NodeJS.ProcessEnv;
  write: (text: string) => void;
  writeError: (text: string) => void;
  /** Where progress is shown: apart from results and errors. */
  progressOutput: ProgressOutput;
  /** Width of the terminal; undefined if the output is not one. */
  width: number | undefined;
}

const EXIT_FINE = 0;
const EXIT_MISTAKES = 1;
const EXIT_USAGE = 2;

const DEMO_FILE =
  'No file was specified, so this is the demo file, db/datasets.yaml. Specify yours with --file.';

/** `npm run datasets`. Returns the exit code. */
export async function runTool(argv: string[], surroundings: ToolSurroundings): Promise<number> {
  const { write, writeError, progressOutput } = surroundings;
  const progress = new CommandProgress(progressOutput);
  try {
    const args = readArguments(argv);
    if (args !== undefined) return await runOnSource(args, surroundings, progress);
    write(USAGE);
    return EXIT_FINE;
  } catch (error) {
    if (error instanceof UsageError) {
      writeError(`${error.message}\n\n${USAGE}`);
      return EXIT_USAGE;
    }
    const { code, message, nextStep } = namedError(error);
    const stack = code === 'INTERNAL' ? `\n${(error as Error).stack}` : '';
    writeError(redactSecrets(`${message}\n${nextStep}${stack}\n`));
    return EXIT_MISTAKES;
  }
}

async function runOnSource(
  args: ToolArguments,
  surroundings: ToolSurroundings,
  progress: CommandProgress,
): Promise<number> {
  const { environment } = surroundings;
  const env = loadEnvironment([CliEnv], environment).environment.section(CliEnv);
  const isDemoFile = args.file === undefined && !environment['CENTRAL_DATASETS_FILE']?.trim();
  const file = args.file === undefined ? env.datasetsFile : fromCaller(args.file, environment);
  progress.stage('Connecting to the database');
  const database = await openSource(environment);
  const pool = createSourcePool({
    url: database.url,
    applicationName: 'rivulet datasets',
    maxConnections: 3,
  });
  try {
    await tryConnection(database.url);
    if (args.command === 'init') return await runInit(args, pool, surroundings, progress);
    const options = { file, isDemoFile, maxRowBytes: env.maxRowBytes, progress };
    return await runCommand(args, options, pool, surroundings);
  } catch (error) {
    if (isDemoFile && error instanceof RivuletError && error.code === 'DATASETS_FILE_INVALID') {
      throw new RivuletError(error.code, error.message, { nextStep: DEMO_FILE, cause: error });
    }
    throw nameRefusal(error, database.url, sourceVariable(environment));
  } finally {
    progress.end();
    await pool.end();
    await database.stop();
  }
}

/** npm runs scripts in the project's folder; INIT_CWD is where it was called. */
function fromCaller(path: string, environment: NodeJS.ProcessEnv): string {
  const caller = environment['INIT_CWD'];
  return caller === undefined || resolve(caller) === process.cwd() ? path : resolve(caller, path);
}

async function runInit(
  { schemas, keys, out, macAddresses, timeoutMs }: ToolArguments,
  source: Pool,
  { environment, write, writeError }: ToolSurroundings,
  progress: CommandProgress,
): Promise<number> {
  const macAddress = macAddresses[0] ?? EXAMPLE_MAC;
  const file = out && fromCaller(out, environment);
  const options = { schemas, keys, out: file, macAddress, timeoutMs, progress };
  const report = await initDatasetsFile(source, options);
  progress.end();
  if (out === undefined) write(report.text);
  // Keeps the messages out of a file that the output is redirected to.
  (out === undefined ? writeError : write)(`${starterLines(report, out).join('\n')}\n`);
  return EXIT_FINE;
}

interface CommandOptions {
  file: string;
  isDemoFile: boolean;
  maxRowBytes: number;
  progress: CommandProgress;
}

async function runCommand(
  args: ToolArguments,
  { file, isDemoFile, maxRowBytes, progress }: CommandOptions,
  source: Pool,
  { write, width }: ToolSurroundings,
): Promise<number> {
  const { timeoutMs, datasets, macAddresses, sampleRows, analyze } = args;
  const [macAddress] = macAddresses;
  const print = (lines: string[], json: object): void => {
    progress.end();
    write(args.asJson ? `${JSON.stringify(json, undefined, 2)}\n` : `${lines.join('\n').trimEnd()}\n`);
  };
  if (args.command === 'check') {
    const report = await checkDatasetsFile(source, { file, macAddresses, timeoutMs, maxRowBytes, progress });
    const isRight = report.findings.mistakes.isEmpty;
    const lines = checkLines(report, args.showColumns, width);
    print(isRight || !isDemoFile ? lines : [...lines, DEMO_FILE], checkJson(report));
    return isRight ? EXIT_FINE : EXIT_MISTAKES;
  }
  if (args.command === 'preview') {
    const options = { file, macAddress: macAddress!, datasets, sampleRows, timeoutMs, maxRowBytes, progress };
    const report = await previewDevice(source, options);
    print(previewLines(report, width), previewJson(report));
    return report.datasets.every(({ failure }) => failure === undefined) ? EXIT_FINE : EXIT_MISTAKES;
  }
  const explained = await explainDatasets(source, {
    file,
    macAddress,
    datasets,
    analyze,
    timeoutMs,
    progress,
  });
  print(explainLines(explained), explainJson(explained));
  return EXIT_FINE;
}
