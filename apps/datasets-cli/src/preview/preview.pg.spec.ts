import { DemoFixture, MAC } from '../../test/demo-fixture';

let fixture: DemoFixture;

beforeAll(async () => {
  fixture = await DemoFixture.create();
});

afterAll(() => fixture.close());

describe('npm run datasets -- preview', () => {
  it('shows what a device would get', async () => {
    const { code, output } = await fixture.run('preview', '--mac', '48-B0-2D-E9-C3-B7', '--rows', '2');
    expect(code).toBe(0);
    const lines = output.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  ').trimEnd());
    expect(lines[0]).toBe(`${MAC} is device 1.`);
    expect(lines).toContain('company_id  bigint  1');
    expect(output).toMatch(/^users +1,032 +294\.6 kB +\d+ ms$/m);
    expect(output).toMatch(/^total +2,598 +327\.9 kB +\d+ ms$/m);
    expect(lines).toContain('  1  1  NULL  Executive Committee  department  NULL  NULL');
    expect(lines).toContain('  … and 16 more rows');
  });

  it('shows values as PostgreSQL writes them', async () => {
    const values = [
      String.raw`decode('00ff', 'hex') AS picture, NULL::text AS missing, 'NULL'::text AS word`,
      String.raw`E'\b\f\n\r\t\x0B\\é' AS odd, ARRAY[E'a\\b', NULL, 'NULL'] AS list`,
    ];
    const file = fixture.fileWith(`SELECT id, ${values.join(', ')} FROM companies WHERE id = 1`);
    const argv = ['preview', '--mac', MAC, '--file', file];
    expect(JSON.parse((await fixture.run(...argv, '--json')).output)).toMatchObject({
      datasets: [{ samples: [['1', '\\x00ff', null, 'NULL', '\b\f\n\r\t\v\\é', '{"a\\\\b",NULL,"NULL"}']] }],
    });
    const lines = (await fixture.run(...argv)).output
      .split('\n')
      .map((line) => line.replaceAll(/ {2,}/g, '  '));
    expect(lines).toContain(
      String.raw`  1  \x00ff  NULL  "NULL"  \x08\x0c\n\r\t\x0b\é  {"a\\b",NULL,"NULL"}`,
    );
  });

  it('counts the same bytes as check', async () => {
    const values =
      "decode('00ff', 'hex') AS a, 'x'::char(3) AS b, NULL::text AS c, id > 1 AS d, inet '10.0.0.1' AS e";
    const options = [
      '--json',
      '--mac',
      MAC,
      '--file',
      fixture.fileWith(`SELECT id, ${values} FROM companies`),
    ];
    const expected = { rows: 2, bytes: 2 * '1\t\\\\x00ff\tx  \t\\N\tf\t10.0.0.1\n'.length };
    expect(JSON.parse((await fixture.run('preview', ...options)).output)).toMatchObject({
      datasets: [expected],
    });
    expect(JSON.parse((await fixture.run('check', ...options)).output)).toMatchObject({
      datasets: [{ found: expected }],
    });
  });

  it('can be of one dataset, in JSON', async () => {
    const { output } = await fixture.run('preview', '--mac', MAC, '--dataset', 'companies', '--json');
    expect(JSON.parse(output)).toMatchObject({
      deviceId: '1',
      parameters: { company_id: { type: 'bigint', value: '1' } },
      datasets: [{ name: 'companies', rows: 1, bytes: 177, failure: null }],
    });
  });

  it('says that central could not send such rows', async () => {
    const file = fixture.fileWith('SELECT company_id, id FROM users', '[company_id]');
    const { code, output } = await fixture.run('preview', '--mac', MAC, '--file', file, '--rows', '0');
    expect(code).toBe(1);
    expect(output).toContain(
      `${file}:5:5: dataset mine has several rows with the key (company_id) = (1). ` +
        'The device gets nothing until this is fixed.',
    );
  });

  it.each([
    [
      'an unknown device',
      ['--mac', '48:b0:2d:e9:c3:b8'],
      /^The scope query at db\/datasets.yaml:11:5 finds no device 48:b0:2d:e9:c3:b8\.\nIt finds 48:b0/,
    ],
    ['an inactive device', ['--mac', '48:b0:2d:5c:08:e1'], /48:b0:2d:5c:08:e1 is not active/],
    [
      'an unknown dataset',
      ['--mac', MAC, '--dataset', 'user'],
      /^db\/datasets.yaml has no dataset user\. Did you mean users\?\nIt has companies, /,
    ],
    [
      'a file that is not there',
      ['--mac', MAC, '--file', 'nix.yaml'],
      /^The datasets file nix.yaml cannot be read/,
    ],
  ])('refuses %s', async (_, argv, message) => {
    const { code, output, errors } = await fixture.run('preview', ...argv);
    expect([code, output]).toEqual([1, '']);
    expect(errors).toMatch(message);
  });

  it('refuses a query that fails on a row', async () => {
    const file = fixture.fileWith('SELECT id, 1 / (id - 7) AS share FROM users');
    const { code, errors } = await fixture.run('preview', '--mac', MAC, '--file', file);
    expect(code).toBe(1);
    expect(errors).toContain(`${file}:7:12: dataset mine cannot be read for ${MAC}: division by zero.`);
  });
});
