import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface ScriptResult {
  code: number | null;
  output: string;
  errors: string;
}

export interface RunningScript {
  child: ChildProcess;
  ended: Promise<ScriptResult>;
  /** Standard output so far. */
  output(): string;
}

const NPM = 'fake-npm/npm-cli.js';

/** A checkout in a temporary folder that has our scripts and nothing else. */
export class ScriptProject {
  readonly directory = mkdtempSync(join(tmpdir(), 'rivulet-scripts-'));

  constructor() {
    cpSync('scripts', join(this.directory, 'scripts'), {
      recursive: true,
      filter: (path) => !/\.ts$|\/test$/.test(path),
    });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, content: string | object): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), typeof content === 'string' ? content : JSON.stringify(content));
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  /** From now on this program runs in place of npm, and in the same way. */
  replaceNpm(program: string): void {
    this.write(NPM, program);
  }

  start(script: string, args: string[] = [], environment: NodeJS.ProcessEnv = {}): RunningScript {
    const npm = this.has(NPM)
      ? { npm_execpath: this.path(NPM), npm_node_execpath: process.execPath }
      : undefined;
    const child = spawn(process.execPath, [join('scripts', script), ...args], {
      cwd: this.directory,
      env: { PATH: process.env['PATH'], ...npm, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (text: Buffer) => (output += text.toString()));
    child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
    const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output, errors }));
    return { child, ended, output: () => output };
  }

  run(script: string, args?: string[], environment?: NodeJS.ProcessEnv): Promise<ScriptResult> {
    return this.start(script, args, environment).ended;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
