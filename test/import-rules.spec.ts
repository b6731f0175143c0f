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

interface BrokenRule {
  rule: string;
  from: string;
  to: string;
}

/** What breaks a rule in a tree of files with these imports, each file by what it imports. */
function brokenRules(imports: Record<string, string[]>, config: string): BrokenRule[] {
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
      summary: { violations: { rule: { name: string }; from: string; to: string }[] };
    };
    return summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to }));
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

/** Each is alone in its file, or in the same with others that do not matter to it. */
const refused: [what: string, rule: string, from: string, target: string][] = [
  [
    'a library that imports one above it',
    'imports-of-errors',
    'libs/errors/src/index.ts',
    '../../postgres/src/index',
  ],
  ['a pure library that imports a package', 'packages-of-protocol', 'libs/protocol/src/index.ts', 'pg'],
  [
    'a library that nobody listed',
    'library-not-in-the-table',
    'libs/errors/src/index.ts',
    '../../news/src/index',
  ],
  [
    'a feature that imports upwards',
    'imports-of-central-source',
    'apps/central/src/source/b.ts',
    '../snapshots/a',
  ],
  [
    'a feature folder that nobody listed',
    'folder-of-edge-not-in-the-table',
    'apps/edge/src/main.ts',
    './news/a',
  ],
  ['an app that imports another', 'app-not-to-app', 'apps/central/src/main.ts', '../../edge/src/main'],
  [
    'a library that imports an app',
    'libs-not-to-apps',
    'libs/errors/src/index.ts',
    '../../../apps/central/src/main',
  ],
  [
    'an app that passes by the index of a library',
    'a-library-by-its-index',
    'apps/central/src/main.ts',
    '../../../libs/errors/src/inside',
  ],
  ['Nest below the platform', 'no-nest-below-the-platform', 'libs/mirror/src/index.ts', '@nestjs/common'],
  [
    'test code in an app',
    'testing-in-tests-alone',
    'apps/central/src/main.ts',
    '../../../libs/testing/src/index',
  ],
  ['two files that import each other', 'no-circle-of-files', 'libs/mirror/src/a.ts', './b'],
];

describe('npm run check refuses', () => {
  let broken: BrokenRule[];

  beforeAll(() => {
    const tree: Record<string, string[]> = { 'libs/mirror/src/b.ts': ['./a'] };
    for (const [, , from, target] of refused) {
      (tree[from] ??= []).push(target);
      if (target.startsWith('.')) tree[`${join(dirname(from), target)}.ts`] ??= [];
    }
    broken = brokenRules(tree, '.dependency-cruiser.cjs');
  });

  it.each(refused)('%s', (_, rule, from, target) => {
    const to = target.startsWith('.') ? `${join(dirname(from), target)}.ts` : `node_modules/${target}/`;
    const found = broken.filter((violation) => violation.rule === rule && violation.from === from);
    expect(found.map((violation) => violation.to)).toContainEqual(expect.stringContaining(to));
  });
});

it('npm run check refuses two folders that import each other', () => {
  const imports = {
    'apps/central/src/main.ts': [],
    'libs/mirror/src/load/a.ts': ['../merge/b'],
    'libs/mirror/src/merge/b.ts': [],
    'libs/mirror/src/merge/c.ts': ['../load/d'],
    'libs/mirror/src/load/d.ts': [],
  };
  const rules = brokenRules(imports, '.dependency-cruiser.folders.cjs').map(({ rule }) => rule);
  expect(new Set(rules)).toEqual(new Set(['no-circle-of-folders']));
});

it('and nothing else in a tree that keeps to them', () => {
  const imports = {
    'libs/errors/src/index.ts': [],
    'libs/postgres/src/index.ts': ['../../errors/src/index'],
    'apps/central/src/main.ts': [],
  };
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
