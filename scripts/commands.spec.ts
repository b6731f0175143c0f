import { spawn, type ChildProcess } from 'node:child_process';
import { ScriptProject } from './test/script-project';

/** A project whose packages are installed and whose programs are compiled, each to one that says what it was given. */
function builtProject(): ScriptProject {
  const project = new ScriptProject();
  const echo = `
    const { CENTRAL_DATABASE_URL: url = 'none' } = process.env;
    console.log(JSON.stringify([process.argv.slice(2), url, process.channel !== undefined]));
    process.send?.({ type: 'listening', url: 'http://localhost:1', databaseUrl: 'postgresql://edge' });
    process.on('SIGTERM', () => process.exit(9));
    if (process.argv[1].includes('apps/edge')) setInterval(() => {}, 1_000);
    else process.channel?.unref();`;
  for (const file of ['package.json', 'nest-cli.json', 'tsconfig.build.json', 'tsconfig.json'])
    project.write(file, {});
  project.write('package-lock.json', { packages: {} });
  project.write('node_modules/.package-lock.json', { packages: {} });
  project.write('node_modules/@nestjs/cli/bin/nest.js', '');
  const entries = [
    'apps/central/src',
    'apps/edge/src',
    'apps/worker/src',
    'apps/datasets-cli/src',
    'tools/start',
    'tools/sql',
    'bench',
  ];
  for (const entry of entries) {
    project.write(`${entry}/main.ts`, '');
    project.write(`dist/${entry}/main.js`, echo);
  }
  return project;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    if (tries === 1_000) throw new Error(`It did not come to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the commands', () => {
  let project: ScriptProject;
  let other: ChildProcess;

  beforeAll(() => {
    project = builtProject();
    other = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1_000)'], { stdio: 'ignore' });
  });
  afterAll(() => {
    other.kill();
    project.remove();
  });
  beforeEach(() => project.write('.rivulet/nothing', ''));

  it('run a compiled program with the arguments that follow, and keep standard output for it', async () => {
    const { code, output, errors } = await project.run('run.mjs', [
      'sql',
      'edge',
      '--json',
      '-- all\nSELECT 1',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(output)).toEqual([['edge', '--json', '-- all\nSELECT 1'], 'none', true]);
    expect(errors).toMatch(/^Building …\n/);
  });

  it('give the datasets tool the database of a Rivulet that runs here, unless it has one', async () => {
    project.write('.rivulet/runtime.json', { centralDatabaseUrl: 'postgresql://running', pid: other.pid });
    const found = await project.run('run.mjs', ['datasets', 'check']);
    expect(JSON.parse(found.output)).toEqual([['check'], 'postgresql://running', true]);
    const own = await project.run('run.mjs', ['datasets'], { CENTRAL_DATABASE_URL: 'postgresql://mine' });
    expect(JSON.parse(own.output)).toEqual([[], 'postgresql://mine', true]);
    project.write('.rivulet/runtime.json', { centralDatabaseUrl: 'postgresql://ended', pid: 2 ** 22 + 1 });
    expect(JSON.parse((await project.run('run.mjs', ['datasets'])).output)).toEqual([[], 'none', true]);
  });

  it('start one app, and write down where it answers for as long as it runs', async () => {
    const { child, ended } = project.start('start.mjs', ['edge']);
    const file = '.rivulet/runtime.edge.json';
    await until('the file is there', () => project.has(file));
    expect(JSON.parse(project.read(file))).toEqual({
      edgeUrl: 'http://localhost:1',
      edgeDatabaseUrl: 'postgresql://edge',
      pid: child.pid,
    });
    child.kill('SIGTERM');
    expect((await ended).code).toBe(9);
    expect(project.has(file)).toBe(false);
  });

  it.each<[string, string, string[], NodeJS.ProcessEnv, number, RegExp]>([
    [
      'an app that there is none of',
      'start.mjs',
      ['hub'],
      {},
      2,
      /^There is no app "hub"; say central, edge or worker\.$/m,
    ],
    [
      'two apps',
      'start.mjs',
      ['central', 'edge'],
      {},
      2,
      /^"edge" is one word too many\.\n\nUsage: npm start /,
    ],
    [
      'an option that there is none of',
      'start.mjs',
      ['--fast'],
      {},
      2,
      /^Unknown option '--fast'[^]*\n\nUsage: npm start /,
    ],
    [
      'a program that there is none of',
      'run.mjs',
      ['sequel'],
      {},
      2,
      /^There is no program "sequel"; say bench, /,
    ],
    ['the demo in production', 'start.mjs', [], { NODE_ENV: 'production' }, 1, /^NODE_ENV is production, /],
    [
      'a version that there is none of',
      'test-versions.mjs',
      ['--only', '13'],
      {},
      2,
      /^"13" is not a version from 14 to 18\.\nUsage: /,
    ],
    [
      'half a pair',
      'test-versions.mjs',
      ['--pairs=14'],
      {},
      2,
      /^"14" is not a pair of versions such as 14-18\.\n/,
    ],
    [
      'two choices of versions',
      'test-versions.mjs',
      ['--only', '14', '--pairs', '14-18'],
      {},
      2,
      /^Say --only or --pairs, not both\.\n/,
    ],
  ])('refuse %s with a sentence', async (_, script, args, environment, code, message) => {
    const result = await project.run(script, args, environment);
    expect(result).toEqual({ code, output: '', errors: expect.stringMatching(message) as string });
    expect(result.errors).not.toMatch(/\n\s+at /);
  });

  it('say how to start what when they are asked for help', async () => {
    const { code, output } = await project.run('start.mjs', ['--help']);
    expect([code, output]).toEqual([
      0,
      expect.stringMatching(/^Usage: npm start .*\n.*npm run start:central/),
    ]);
  });

  it('reset removes data and logs, and does not while something runs', async () => {
    project.write('.rivulet/runtime.central.json', { pid: other.pid });
    const refused = await project.run('reset.mjs');
    expect([refused.code, refused.errors]).toEqual([
      1,
      `Rivulet is running, as process ${other.pid}; stop it first, then reset.\n`,
    ]);
    expect(project.has('.rivulet/nothing')).toBe(true);

    project.write('.rivulet/runtime.central.json', { pid: 2 ** 22 + 1 });
    expect((await project.run('reset.mjs')).code).toBe(0);
    expect(project.has('.rivulet')).toBe(false);
  });

  it('test hides from tests what the shell says of databases, and counts what Jest has run', async () => {
    project.write(
      'node_modules/jest/bin/jest.js',
      `const { writeFileSync } = require('node:fs');
       console.log(JSON.stringify([process.argv.slice(3), process.env.EDGE_DATABASE_URL ?? 'none', process.env.NODE_ENV]));
       const results = { numPassedTests: 3, numFailedTests: 0, numRuntimeErrorTestSuites: 0, numPendingTests: 1, numTodoTests: 1 };
       writeFileSync(process.argv.find((a) => a.startsWith('--outputFile=')).slice(13), JSON.stringify(results));`,
    );
    for (const [args, options] of [
      [['some-spec'], ['some-spec', '--ignoreProjects', 'faults']],
      [
        ['faults', 'some-spec'],
        ['some-spec', '--selectProjects', 'faults'],
      ],
    ]) {
      const { code, output } = await project.run('test.mjs', args, {
        EDGE_DATABASE_URL: 'postgresql://mine',
      });
      const [first, last] = output.trimEnd().split('\n').slice(-2);
      expect(JSON.parse(first!)).toEqual([
        [expect.stringMatching(/^--outputFile=/), ...options!],
        'none',
        'test',
      ]);
      expect([code, last]).toEqual([0, '3 passed, 0 failed, 2 skipped']);
    }
  });

  it('test fails when Jest has found no test', async () => {
    project.write('node_modules/jest/bin/jest.js', '');
    const { code, output } = await project.run('test.mjs');
    expect([code, output]).toEqual([1, '0 passed, 0 failed, 0 skipped\n']);
  });
});
