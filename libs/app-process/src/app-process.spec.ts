import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AppProcess, AppStartFailure, type AppProcessOptions } from './app-process';

const LISTENING = {
  type: 'listening',
  app: 'central',
  url: 'http://localhost:1',
  databaseUrl: 'postgresql://a',
};
const STAY = 'setInterval(() => {}, 1_000);';

async function failureOf(app: AppProcess): Promise<AppStartFailure> {
  const outcome = await app.listening.catch((error: unknown) => error);
  if (!(outcome instanceof AppStartFailure)) throw new Error('It was not to listen.', { cause: outcome });
  return outcome;
}

describe('the process of an app', () => {
  let directory: string;
  const started: AppProcess[] = [];

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'rivulet-app-'));
  });
  afterEach(async () => {
    for (const app of started.splice(0)) await app.kill();
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  function start(code: string, more: Partial<AppProcessOptions> = {}): AppProcess {
    const program = join(directory, 'app.cjs');
    writeFileSync(program, code);
    const app = new AppProcess({ program, environment: {}, ...more });
    started.push(app);
    return app;
  }

  it('says where it listens, once it does', async () => {
    const app = start(`process.send(${JSON.stringify(LISTENING)}); ${STAY}`);
    expect(app.url).toBe('');
    expect(await app.listening).toEqual(LISTENING);
    expect([app.url, app.databaseUrl]).toEqual([LISTENING.url, LISTENING.databaseUrl]);
    expect(app.peakRssMiB).toBeGreaterThan(10);
  });

  it('passes on why it cannot start', async () => {
    const message = { type: 'start-failed', code: 'PORT_TAKEN', message: 'Taken.', nextStep: 'Free it.' };
    const app = start(`process.send(${JSON.stringify(message)}, () => process.exit(1));`);
    expect((await failureOf(app)).reported).toEqual(message);
    expect(await app.exited).toBe(1);
  });

  it('lets its parent end while it runs, when the parent wants that', () => {
    const program = join(directory, 'app.cjs');
    const stay = `process.on('disconnect', () => process.exit()); ${STAY}`;
    writeFileSync(program, `process.send(${JSON.stringify(LISTENING)}); ${stay}`);
    const built = resolve(__dirname, '../../../dist/libs/app-process/src/index.js');
    const parent = `
      const { AppProcess } = require(${JSON.stringify(built)});
      const app = new AppProcess({ program: ${JSON.stringify(program)}, environment: {} });
      app.unref();
      app.listening.then(({ url }) => console.log(url));
      const waiting = setInterval(() => app.url !== '' && clearInterval(waiting), 10);`;
    const output = execFileSync(process.execPath, ['-e', parent], { encoding: 'utf8', timeout: 30_000 });
    expect(output).toBe(`${LISTENING.url}\n`);
  });

  it.each([
    ['an exit', 'process.exit(3);', 3, 'exit code 3'],
    ['a signal', `process.kill(process.pid, 'SIGKILL'); ${STAY}`, null, 'SIGKILL'],
  ])('fails when it ends by %s without a word', async (_, code, exitCode, exit) => {
    const app = start(code);
    const { reported, message } = await failureOf(app);
    expect([reported, message]).toEqual([undefined, `The app did not start (${exit}).`]);
    expect([await app.exited, app.exit]).toEqual([exitCode, exit]);
  });

  it('fails when it cannot even be run', async () => {
    const app = start('', { cwd: join(directory, 'nowhere') });
    expect((await failureOf(app)).message).toMatch(/ENOENT/);
    expect(await app.exited).toBeNull();
    started.length = 0;
  });

  it('keeps what it prints, or appends it to a file', async () => {
    const print = `console.log('{"level":"info","msg":"fine"}'); console.error('{"level":"warn","msg":"worse"}');`;
    const app = start(print);
    await app.exited;
    expect(app.complaints).toEqual([{ level: 'warn', msg: 'worse' }]);

    const logFile = join(directory, 'app.log');
    writeFileSync(logFile, 'before\n');
    await start(print, { logFile }).exited;
    expect(readFileSync(logFile, 'utf8')).toBe(
      'before\n{"level":"info","msg":"fine"}\n{"level":"warn","msg":"worse"}\n',
    );
  });

  it.each([
    [{}, '1'],
    [{ MALLOC_ARENA_MAX: '4' }, '4'],
  ])('has one arena of malloc unless told otherwise: %p', async (environment, arenas) => {
    const logFile = join(directory, `arenas-${arenas}.log`);
    await start(`process.stdout.write(process.env.MALLOC_ARENA_MAX)`, { environment, logFile }).exited;
    expect(readFileSync(logFile, 'utf8')).toBe(arenas);
  });

  it('ends when it is asked to, with its own exit code', async () => {
    const app = start(
      `process.on('SIGTERM', () => process.exit(4)); process.send(${JSON.stringify(LISTENING)}); ${STAY}`,
    );
    await app.listening;
    expect([await app.stop(), await app.stop()]).toEqual([4, 4]);
  });

  it('is killed when it does not end in time', async () => {
    const app = start(`process.on('SIGTERM', () => {}); process.send(${JSON.stringify(LISTENING)}); ${STAY}`);
    await app.listening;
    expect(await app.stop(100)).toBeNull();
    expect(app.exit).toBe('SIGKILL');
  });
});
