import { spawn } from 'node:child_process';
import { once } from 'node:events';

interface Printed {
  code: number | null;
  out: string;
  problem: string;
}

/** `npm run fleet`, without npm and without a terminal. @param reads - whether anybody reads what it prints */
export async function fleetProgram(
  url: string,
  apiKey: string,
  options: string[],
  reads = true,
): Promise<Printed> {
  const program = spawn(process.execPath, ['dist/tools/fleet/main.js', '--central', url, ...options], {
    env: { RIVULET_API_KEY: apiKey },
  });
  const printed: Printed = { code: null, out: '', problem: '' };
  program.stdout.on('data', (data: Buffer) => (printed.out += data.toString()));
  program.stderr.on('data', (data: Buffer) => (printed.problem += data.toString()));
  if (!reads) program.stdout.destroy();
  [printed.code] = (await once(program, 'close')) as [number | null];
  return printed;
}
