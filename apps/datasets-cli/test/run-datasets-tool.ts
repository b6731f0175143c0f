import { PassThrough } from 'node:stream';
import { runTool } from '../src/run-tool';

export interface ToolRun {
  code: number;
  output: string;
  errors: string;
  progress: string;
}

/** Runs `npm run datasets` in this process, on a database. */
export async function runDatasetsTool(
  databaseUrl: string,
  argv: string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<ToolRun> {
  const run: ToolRun = { code: 0, output: '', errors: '', progress: '' };
  const progressOutput = new PassThrough().on('data', (piece: Buffer) => (run.progress += piece.toString()));
  run.code = await runTool(argv, {
    environment: { CENTRAL_DATABASE_URL: databaseUrl, ...environment },
    write: (text) => (run.output += text),
    writeError: (text) => (run.errors += text),
    progressOutput,
    width: undefined,
  });
  return run;
}
