import { ScriptProject } from './test/script-project';

/** Makes of each source in apps/ and tools/ what the compiler would. */
const compiler = `
const { appendFileSync, cpSync, readFileSync, readdirSync, writeFileSync, mkdirSync } = require('node:fs');
const { dirname, join } = require('node:path');
appendFileSync('builds', 'x');
for (const folder of ['apps', 'tools']) {
  for (const entry of readdirSync(folder, { recursive: true })) {
    if (!entry.endsWith('.ts')) continue;
    const text = readFileSync(join(folder, entry), 'utf8');
    if (text === 'wrong') { console.log(entry + ': error TS1'); process.exitCode = 1; }
    const output = join('dist', folder, entry.replace(/ts$/, 'js'));
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(output, text);
  }
}
`;

describe('the build', () => {
  let project: ScriptProject;

  beforeEach(() => {
    project = new ScriptProject();
    project.write('node_modules/@nestjs/cli/bin/nest.js', compiler);
    for (const file of ['package.json', 'nest-cli.json', 'tsconfig.build.json', 'tsconfig.json'])
      project.write(file, {});
    project.write('package-lock.json', { packages: {} });
    project.write('node_modules/.package-lock.json', { packages: {} });
    for (const entry of [
      'apps/central/src/main.ts',
      'apps/edge/src/main.ts',
      'apps/worker/src/main.ts',
      'tools/start/main.ts',
    ]) {
      project.write(entry, 'first');
    }
  });
  afterEach(() => project.remove());

  const builds = (): number => (project.has('builds') ? project.read('builds').length : 0);

  it('runs once for the same sources', async () => {
    const { code, output } = await project.run('ensure-built.mjs');
    expect([code, output]).toEqual([0, expect.stringMatching(/^Building …\nBuilt in \d+\.\d s\.\n$/)]);
    expect(await project.run('ensure-built.mjs')).toEqual({ code: 0, output: '', errors: '' });
    expect(builds()).toBe(1);
  });

  it('runs again when a source has changed or an entry is gone, and not for a spec', async () => {
    await project.run('ensure-built.mjs');
    project.write('apps/edge/src/some.spec.ts', 'a test');
    await project.run('ensure-built.mjs');
    expect(builds()).toBe(1);

    project.write('apps/edge/src/main.ts', 'second');
    await project.run('ensure-built.mjs');
    expect([builds(), project.read('dist/apps/edge/src/main.js')]).toEqual([2, 'second']);
  });

  it('removes what was compiled from a source that is gone', async () => {
    project.write('dist/apps/edge/src/gone.js', 'old');
    project.write('dist/apps/edge/src/gone.js.map', 'old');
    await project.run('ensure-built.mjs');
    expect(project.has('dist/apps/edge/src/gone.js')).toBe(false);
    expect(project.has('dist/apps/edge/src/gone.js.map')).toBe(false);
    expect(project.has('dist/apps/edge/src/main.js')).toBe(true);
  });

  it('ends with what the compiler says when it fails, and builds again the next time', async () => {
    project.write('apps/edge/src/main.ts', 'wrong');
    const { code, errors } = await project.run('ensure-built.mjs');
    expect([code, errors]).toEqual([
      1,
      'edge/src/main.ts: error TS1\n\nThe build failed: correct what the compiler names above.\n',
    ]);
    project.write('apps/edge/src/main.ts', 'right');
    expect((await project.run('ensure-built.mjs')).code).toBe(0);
    expect(builds()).toBe(2);
  });
});
