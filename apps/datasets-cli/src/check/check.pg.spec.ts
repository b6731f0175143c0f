import { DemoFixture, MAC } from '../../test/demo-fixture';
import { runDatasetsTool } from '../../test/run-datasets-tool';

let fixture: DemoFixture;

beforeAll(async () => {
  fixture = await DemoFixture.create();
});

afterAll(() => fixture.close());

describe('npm run datasets -- check', () => {
  it('finds nothing wrong with the demo, and shows what its datasets are', async () => {
    const { code, output, errors } = await fixture.run('check', '--mac', MAC);
    expect([code, errors]).toEqual([0, '']);
    const lines = output.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  '));
    expect(lines[0]).toBe('dataset  mirror  key  columns  rows  bytes  estimated  parameters');
    expect(lines[4]).toMatch(/^users {2}users {2}id {2}16 {2}1,032 {2}294\.6 kB .* :company_id, :group_ids$/);
    expect(output).toContain(`Rows were checked for ${MAC}.`);
    expect(lines.at(-2)).toBe('db/datasets.yaml: 8 datasets, no problems.');
  });

  it('messages: says whose rows the table shows, and the columns with their types', async () => {
    const { output } = await fixture.run('check', '--columns');
    expect(output).toMatch(/^ {2}status +text +from user_status$/m);
    expect(output).toContain(
      'for each dataset, the rows and bytes of the device with the most rows among them',
    );
  });

  it('ends with 1 when there is a mistake, and names the place in the way that editors understand', async () => {
    const file = fixture.fileWith('SELECT id, emial FROM users');
    const { code, output } = await fixture.run('check', '--file', file);
    expect(code).toBe(1);
    expect(output).toContain(
      `Mistakes\n${file}:7:23: PostgreSQL rejects the query of dataset mine: column "emial" does not exist.`,
    );
    expect(output).toContain(`${file}: 1 mistake, 0 warnings.`);
  });

  it('says the same in JSON', async () => {
    const { code, output } = await fixture.run(
      'check',
      '--json',
      '--file',
      fixture.fileWith('SELECT id FROM users'),
    );
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({
      mistakes: [],
      warnings: [],
      notes: [{ problem: 'the scope query returns company_id, which no dataset uses' }, {}],
      datasets: [{ name: 'mine', key: ['id'], parameters: [], found: { rows: 3_927 } }],
    });
  });

  it('goes by the largest row that central would send, as preview does', async () => {
    const file = fixture.fileWith("SELECT id, repeat('x', 70000) AS long FROM users");
    const options = ['--mac', MAC, '--file', file];
    const limited = { CENTRAL_MAX_ROW_BYTES: '64KiB' };
    const { code, output } = await runDatasetsTool(fixture.database.url, ['check', ...options], limited);
    expect(code).toBe(1);
    expect(output).toContain('the limit is 65.5 kB (CENTRAL_MAX_ROW_BYTES is 64KiB)');
    expect(output).toContain('EDGE_MAX_ROW_BYTES');
    const preview = await runDatasetsTool(fixture.database.url, ['preview', ...options], limited);
    expect([preview.code, preview.output]).toEqual([
      1,
      expect.stringContaining('CENTRAL_MAX_ROW_BYTES (64KiB)'),
    ]);
    expect((await fixture.run('check', ...options)).code).toBe(0);
  });

  it('does not wait for ever, and goes on', async () => {
    const file = fixture.fileWith('SELECT id, pg_sleep(1)::text AS nap FROM users');
    const { code, output } = await fixture.run('check', '--timeout', '200ms', '--mac', MAC, '--file', file);
    expect(code).toBe(0);
    expect(output).toContain(`reading them for ${MAC} took too long`);
  });

  it('says how far it is when it takes longer than a second', async () => {
    const file = fixture.fileWith('SELECT 1 AS id, pg_sleep(1.2)::text AS nap');
    const { code, progress, output } = await fixture.run('check', '--mac', MAC, '--file', file);
    expect(code).toBe(0);
    expect(progress).toMatch(/^Checking datasets …/m);
    expect(output).not.toContain('…');
  });

  it('finds a file from where npm was called', async () => {
    fixture.fileWith('SELECT id FROM users');
    const { code } = await runDatasetsTool(fixture.database.url, ['check', '--file', 'mine.yaml'], {
      INIT_CWD: fixture.folder,
    });
    expect(code).toBe(0);
  });
});
