import { ScriptProject } from './test/script-project';

const machine = `${process.platform}-${process.arch}`;

const lockedPackages = {
  '': { name: 'project' },
  'node_modules/left': { integrity: 'sha512-left' },
  [`node_modules/native-${machine}`]: { integrity: 'sha512-native', optional: true },
  'node_modules/native-plan9-mips': { integrity: 'sha512-other', optional: true },
};
const here = {
  'node_modules/left': { integrity: 'sha512-left' },
  [`node_modules/native-${machine}`]: { integrity: 'sha512-native' },
};

/** Notes its arguments, and leaves the record that npm leaves. */
const npm = `
const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
mkdirSync('node_modules', { recursive: true });
writeFileSync('node_modules/.package-lock.json', ${JSON.stringify(JSON.stringify({ packages: here }))});
`;

describe('the installation of the packages', () => {
  let project: ScriptProject;

  beforeEach(() => {
    project = new ScriptProject();
    project.write('package-lock.json', { packages: lockedPackages });
    project.replaceNpm(npm);
  });
  afterEach(() => project.remove());

  const calls = (): string[] =>
    project.has('npm-calls') ? project.read('npm-calls').trimEnd().split('\n') : [];

  it('runs npm ci once, with development and optional packages, and says how long it took', async () => {
    const first = await project.run('ensure-installed.mjs');
    expect(first).toEqual({
      code: 0,
      output: expect.stringMatching(
        /^Installing packages …\nInstalled the packages in \d+\.\d s\.\n$/,
      ) as string,
      errors: '',
    });
    expect(await project.run('ensure-installed.mjs')).toEqual({ code: 0, output: '', errors: '' });
    expect(calls()).toEqual([expect.stringMatching(/^ci --include=dev --include=optional /)]);
  });

  it('leaves alone what somebody has installed by hand', async () => {
    project.write('node_modules/.package-lock.json', { packages: here });
    expect(await project.run('ensure-installed.mjs')).toEqual({ code: 0, output: '', errors: '' });
    expect(calls()).toEqual([]);
  });

  it.each([
    ['a package is missing', { [`node_modules/native-${machine}`]: { integrity: 'sha512-native' } }],
    [
      'a package is there in another version',
      { ...here, 'node_modules/left': { integrity: 'sha512-older' } },
    ],
    [
      'the optional package of this machine is left out',
      { 'node_modules/left': { integrity: 'sha512-left' } },
    ],
  ])('installs when %s', async (_, packages) => {
    project.write('node_modules/.package-lock.json', { packages });
    expect((await project.run('ensure-installed.mjs')).code).toBe(0);
    expect(calls()).toHaveLength(1);
  });

  it('installs again when the lockfile has changed', async () => {
    await project.run('ensure-installed.mjs');
    project.write('package-lock.json', {
      packages: { ...lockedPackages, 'node_modules/right': { integrity: 'sha512-right' } },
    });
    await project.run('ensure-installed.mjs');
    expect(calls()).toHaveLength(2);
  });

  it('installs once when two commands start at the same time', async () => {
    project.replaceNpm(`${npm}\nsetTimeout(() => {}, 500);`);
    const results = await Promise.all([
      project.run('ensure-installed.mjs'),
      project.run('ensure-installed.mjs'),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(calls()).toHaveLength(1);
  });

  it('ends with what npm said when it failed, and does not take the packages for installed', async () => {
    project.replaceNpm(`${npm}\nprocess.stderr.write('npm error code E404\\n');\nprocess.exit(7);`);
    const { code, errors } = await project.run('ensure-installed.mjs');
    expect(code).toBe(1);
    expect(errors).toMatch(
      /^npm error code E404\n\nThe packages could not be installed: npm ci ended with code 7\. /,
    );
    expect(errors).not.toMatch(/\n\s+at /);
    expect(project.has('node_modules/.rivulet-installed')).toBe(false);
  });
});
