import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '..');
const depcruise = join(root, 'node_modules', '.bin', 'depcruise');

/** The rules that a tree of files with these imports breaks, each file by what it imports. */
function brokenRules(imports: Record<string, string[]>, config: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'rivulet-imports-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": {} }');
    for (const [path, targets] of Object.entries(imports)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      const lines = targets.map(
        (target, index) => `import * as i${index} from '${target}'; export { i${index} };`,
      );
      writeFileSync(join(folder, path), `${lines.join('\n')}\nexport const x = 1;\n`);
    }
    const args = [depcruise, '--config', join(root, config), '--output-type', 'json', 'apps', 'libs'];
    const { summary } = JSON.parse(run(args, folder)) as {
      summary: { violations: { rule: { name: string } }[] };
    };
    return [...new Set(summary.violations.map(({ rule }) => rule.name))];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** It ends with the number of violations. */
function run(args: string[], cwd: string): string {
  try {
    return execFileSync(process.execPath, args, { cwd, encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

const errors = { 'libs/errors/src/index.ts': [] };
const central = { 'apps/central/src/main.ts': [] };

it.each<[what: string, rule: string, imports: Record<string, string[]>]>([
  [
    'a library that imports one above it',
    'imports-of-errors',
    {
      ...central,
      'libs/postgres/src/index.ts': [],
      'libs/errors/src/index.ts': ['../../postgres/src/index'],
    },
  ],
  [
    'a pure library that imports a package',
    'packages-of-protocol',
    { ...central, 'libs/protocol/src/index.ts': ['pg'] },
  ],
  [
    'a library that nobody listed',
    'library-not-in-the-table',
    { ...central, 'libs/news/src/index.ts': [], 'libs/errors/src/index.ts': ['../../news/src/index'] },
  ],
  [
    'a feature that imports upwards',
    'imports-of-central-source',
    { ...errors, 'apps/central/src/snapshots/a.ts': [], 'apps/central/src/source/b.ts': ['../snapshots/a'] },
  ],
  [
    'a feature folder that nobody listed',
    'folder-of-edge-not-in-the-table',
    { ...errors, 'apps/edge/src/news/a.ts': [], 'apps/edge/src/main.ts': ['./news/a'] },
  ],
  [
    'an app that imports another',
    'app-not-to-app',
    { ...errors, 'apps/edge/src/main.ts': [], 'apps/central/src/main.ts': ['../../edge/src/main'] },
  ],
  [
    'a library that imports an app',
    'libs-not-to-apps',
    { ...central, 'libs/errors/src/index.ts': ['../../../apps/central/src/main'] },
  ],
  [
    'an app that passes by the index of a library',
    'a-library-by-its-index',
    { 'libs/errors/src/inside.ts': [], 'apps/central/src/main.ts': ['../../../libs/errors/src/inside'] },
  ],
  [
    'Nest below the platform',
    'no-nest-below-the-platform',
    { ...central, 'libs/mirror/src/index.ts': ['@nestjs/common'] },
  ],
  [
    'test code in an app',
    'testing-in-tests-alone',
    { 'libs/testing/src/index.ts': [], 'apps/central/src/main.ts': ['../../../libs/testing/src/index'] },
  ],
  [
    'two files that import each other',
    'no-circle-of-files',
    { ...central, 'libs/errors/src/index.ts': ['./a'], 'libs/errors/src/a.ts': ['./index'] },
  ],
])('npm run check refuses %s', (_, rule, imports) => {
  expect(brokenRules(imports, '.dependency-cruiser.cjs')).toContain(rule);
});

it('npm run check refuses two folders that import each other', () => {
  const imports = {
    ...central,
    'libs/mirror/src/load/a.ts': ['../merge/b'],
    'libs/mirror/src/merge/b.ts': [],
    'libs/mirror/src/merge/c.ts': ['../load/d'],
    'libs/mirror/src/load/d.ts': [],
  };
  expect(brokenRules(imports, '.dependency-cruiser.folders.cjs')).toEqual(['no-circle-of-folders']);
});

it('and nothing else in a tree that keeps to them', () => {
  const imports = { ...errors, 'libs/postgres/src/index.ts': ['../../errors/src/index'], ...central };
  expect(brokenRules(imports, '.dependency-cruiser.cjs')).toEqual([]);
});

it('the machine of rollouts has no word of what goes out, so that other things can go out by it', () => {
  const folder = join(root, 'apps/central/src/rollouts');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  // Examples of what callers see are examples of something.
  const machine = files.filter((path) => !path.startsWith('http'));
  expect(machine.length).toBeGreaterThan(15);
  const words = /configur|worker|overlay|etag|poll|manifest|snapshot|dataset/i;
  expect(machine.filter((path) => words.test(readFileSync(join(folder, path), 'utf8')))).toEqual([]);
});
