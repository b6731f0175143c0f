import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const pretendOldNode =
  'data:text/javascript,' +
  encodeURIComponent(
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })",
  );

const programs = [
  'apps/central/src/main.js',
  'apps/edge/src/main.js',
  'apps/worker/src/main.js',
  'apps/datasets-cli/src/main.js',
  'tools/start/main.js',
  'tools/sql/main.js',
];

describe('Node.js that is too old (node-20)', () => {
  it.each(programs)('%s says in one sentence which version it needs', (program) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', pretendOldNode, join('dist', program)],
      { env: {}, encoding: 'utf8' },
    );

    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Rivulet needs Node\.js 24 or later, and this is 20\.20\.2 \(.*\)\. .*\n$/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(status).toBe(1);
  });
});
