import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

interface Played {
  command: string;
  /** What it printed, errors too. */
  output: string;
}

export const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** The commands of the README's tour, in their order. */
function tourCommands(): string[] {
  const readme = readFileSync('README.md', 'utf8');
  const tour = readme.slice(readme.indexOf('\n## A five-minute tour'), readme.indexOf('\n## Use your own'));
  const blocks = [...tour.matchAll(/^```\n(.*?)^```$/gms)];
  return blocks.flatMap(([, commands]) => commands!.trimEnd().split('\n'));
}

/** Types the commands into one shell, in this folder; what they call by its usual port is at another. */
export async function playTour(directory: string, ports: Record<string, string>): Promise<Played[]> {
  const commands = tourCommands();
  const mark = '--- the next command ---';
  const script = commands
    .map((command) => command.replaceAll(/localhost:(\d+)/g, (_, port: string) => `localhost:${ports[port]}`))
    .join(`\necho; echo '${mark}'\n`);
  const environment = Object.entries(process.env).filter(
    ([name]) => !/^(CENTRAL|EDGE|NODE_ENV|npm)_?/.test(name),
  );
  const { stdout } = await promisify(execFile)('bash', ['-c', `exec 2>&1\n${script}`], {
    cwd: directory,
    env: Object.fromEntries(environment),
    maxBuffer: 10_000_000,
  });
  return stdout.split(mark).map((output, index) => ({ command: commands[index]!, output }));
}
