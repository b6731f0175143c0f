import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createTestDatabase } from '@rivulet/testing';
import { DemoFixture, MAC } from '../test/demo-fixture';
import { runDatasetsTool } from '../test/run-datasets-tool';

let fixture: DemoFixture;

beforeAll(async () => {
  fixture = await DemoFixture.create();
});

afterAll(() => fixture.close());

describe('npm run datasets', () => {
  it('explains itself', async () => {
    const { code, output } = await fixture.run('--help');
    expect([code, output.split('\n')[0]]).toEqual([0, 'Usage: npm run datasets -- <command> [options]']);
  });

  it.each([
    [[], 'Specify a command: check, preview, explain, init.'],
    [['chek'], 'Unknown command "chek". Did you mean "check"?'],
    [['list'], 'Unknown command "list". Commands: check, preview, explain, init.'],
    [['check', 'all'], 'Unexpected argument "all".'],
    [['check', '--verbose'], "Unknown option '--verbose'"],
    [['check', '--mac', 'kitchen'], '"kitchen" is not a MAC address.'],
    [['check', '--timeout', '3'], '--timeout is "3"; write it as 30s or 5m.'],
    [
      ['check', '--dataset', 'users'],
      'check always covers the whole file; --dataset works only with preview and explain.',
    ],
    [['preview'], `preview requires a device: --mac ${MAC}.`],
    [['preview', '--mac', MAC, '--rows', 'all'], '--rows is "all"; it must be a number from 0 to 100.'],
    [['explain', '--mac', MAC, '--mac', MAC], 'explain accepts only one --mac.'],
  ])('does not take %j', async (argv, message) => {
    const { code, errors } = await fixture.run(...argv);
    expect(code).toBe(2);
    expect(errors.startsWith(message)).toBe(true);
    expect(errors).toContain('Usage: ');
  });

  it("says that it took the demo's file where none was named and that does not fit", async () => {
    const hint =
      'No file was specified, so this is the demo file, db/datasets.yaml. Specify yours with --file.\n';
    const empty = await createTestDatabase();
    try {
      const check = await runDatasetsTool(empty.url, ['check']);
      expect(check.code).toBe(1);
      expect(check.output).toContain('relation "devices" does not exist');
      expect(check.output.endsWith(hint)).toBe(true);
      for (const argv of [['preview', '--mac', MAC], ['explain']]) {
        const { code, errors } = await runDatasetsTool(empty.url, argv);
        expect(code).toBe(1);
        expect(errors).toMatch(/relation "devices" does not exist; /);
        expect(errors.endsWith(hint)).toBe(true);
      }
      const named = { CENTRAL_DATASETS_FILE: 'db/datasets.yaml' };
      expect((await runDatasetsTool(empty.url, ['check'], named)).output).not.toContain(hint);
      expect(
        (await runDatasetsTool(empty.url, ['explain', '--file', 'db/datasets.yaml'])).errors,
      ).not.toContain(hint);
      expect(
        (await fixture.run('check', '--file', fixture.fileWith('SELECT x FROM users'))).output,
      ).not.toContain(hint);
    } finally {
      await empty.drop();
    }
  });

  it('says so when there is none', async () => {
    const before = process.cwd();
    process.chdir(fixture.folder);
    try {
      expect(existsSync(resolve('.rivulet'))).toBe(false);
      const { code, errors } = await runDatasetsTool('', ['check']);
      expect(code).toBe(1);
      expect(errors).toBe(
        'No database is configured.\n' +
          'Set CENTRAL_DATABASE_URL to the database with your tables, or run `npm start` once for the demo.\n',
      );
    } finally {
      process.chdir(before);
    }
  });

  it('prefers the source database to that of central', async () => {
    const { code } = await runDatasetsTool('postgresql://127.0.0.1:1/nowhere', ['explain'], {
      CENTRAL_SOURCE_DATABASE_URL: fixture.database.url,
    });
    expect(code).toBe(0);
  });
});
