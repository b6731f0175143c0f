import { DemoFixture, MAC } from '../../test/demo-fixture';

let fixture: DemoFixture;

beforeAll(async () => {
  fixture = await DemoFixture.create();
});

afterAll(() => fixture.close());

describe('npm run datasets -- explain', () => {
  it('shows the plan for any device', async () => {
    const { code, output } = await fixture.run('explain', '--dataset', 'groups');
    expect(code).toBe(0);
    expect(output).toContain('groups  db/datasets.yaml:49:7\n  $1 is :group_ids\n');
    expect(output).toMatch(/^ {2}Sort {2}\(cost=[\d.]+ rows=\d+ width=\d+\)\n {4}Sort Key: g\.id$/m);
    expect(output).toMatch(/This query sorts \d+ rows\.\n  Its changes are detected:\n/);
    expect(output).toMatch(/^ {4}public\.groups {2}by parameter: id = ANY \(:group_ids\)$/m);
  });

  it('shows the plan for a device, and what it took', async () => {
    const { output } = await fixture.run('explain', '--dataset', 'companies', '--mac', MAC, '--analyze');
    expect(output).toMatch(/actual time=/);
    expect(output).toContain("(id = '1'::bigint)");
    expect(output).toMatch(/This query needs no sort\.\n  Its changes are detected:\n/);
  });

  it('names the index that would avoid a sort', async () => {
    await fixture.database.pool.query(`
      CREATE TABLE IF NOT EXISTS events AS SELECT n AS id, n % 2 AS company_id FROM generate_series(1, 50000) AS n`);
    await fixture.database.pool.query('ANALYZE events');
    const file = fixture.fileWith('SELECT id, company_id FROM events WHERE company_id = :company_id');
    expect((await fixture.run('explain', '--file', file)).output).toMatch(
      /This query sorts 2\d,\d+ rows; an index on events \(company_id, id\) would avoid it\.\n  Its changes are detected:\n/,
    );
    await fixture.database.pool.query('CREATE INDEX ON events (company_id, id)');
    const { output } = await fixture.run('explain', '--file', file);
    expect(output).toMatch(/This query (needs no sort|sorts 2\d,\d+ rows)\.\n  Its changes are detected:\n/);
  });

  it('says of each table which of its changes count, and why not fewer', async () => {
    const file = fixture.fileWith(
      'SELECT g.id, c.name FROM groups g JOIN companies c ON c.name > g.name WHERE g.company_id = :company_id',
    );
    const { output } = await fixture.run('explain', '--file', file, '--json');
    const [{ tracking }] = JSON.parse(output) as [{ tracking: object[] }];
    expect(tracking).toEqual([
      {
        table: 'public.companies',
        by: 'table',
        reason: expect.stringContaining('"column = :parameter"') as string,
      },
      { table: 'public.groups', by: 'parameter', conditions: ['company_id = :company_id'] },
    ]);
  });

  it('says why the rows of many scopes are not read in one statement', async () => {
    const file = fixture.fileWith('SELECT id, random() AS dice FROM events WHERE company_id = :company_id');
    const { output } = await fixture.run('explain', '--file', file);
    expect(output).toMatch(/It is read scope by scope: it calls random\(\), which is VOLATILE; .+\.\n$/);
    const json = await fixture.run('explain', '--file', file, '--json');
    expect(json.output).toContain('"readAloneBecause": "it calls random(), which');
  });

  it('needs a device to run the query for', async () => {
    const { code, errors } = await fixture.run('explain', '--analyze');
    expect(code).toBe(2);
    expect(errors).toMatch(/^--analyze runs the queries and requires a device: --mac/);
  });
});
