import { InitFixture, MAC } from '../../test/init-fixture';

let fixture: InitFixture;

beforeEach(async () => {
  fixture = await InitFixture.create();
});

afterEach(() => fixture.close());

describe('the scope query that init writes', () => {
  it('shows a table of devices that works as it stands there', async () => {
    await fixture.database.pool.query('CREATE TABLE t (id int PRIMARY KEY)');
    const { text } = await fixture.init();
    const lines = text.split('\n').filter((line) => line.startsWith('  #   '));
    const example = lines.map((line) => line.slice(6)).join('\n');
    const [table, query] = example.split(';\n') as [string, string];
    await fixture.database.pool.query(table);
    await fixture.database.pool.query(`INSERT INTO devices (mac_address) VALUES ('${MAC}')`);
    const { rows } = await fixture.database.pool.query(query.replace(':mac_address', `'${MAC}'`));
    expect(rows).toEqual([{ device_id: '1', is_active: true }]);
  });

  it.each([
    ['an address', 'mac macaddr', 'mac = :mac_address::macaddr'],
    ['a long address', 'hw macaddr8', 'hw = :mac_address::macaddr8'],
    ['a text', 'mac_address text', 'mac_address = :mac_address'],
    ['a text of a length', 'mac varchar(17)', 'mac = :mac_address'],
    [
      'capitals with hyphens',
      '"macAddress" char(17)',
      `lower(regexp_replace("macAddress"::text, '[^0-9A-Fa-f]', '', 'g')) = replace(:mac_address, ':', '')`,
    ],
  ])('finds devices by a column that is %s', async (_, column, condition) => {
    const name = column.slice(0, column.lastIndexOf(' '));
    const value = column.includes('char(17)') && name.startsWith('"') ? '48-B0-2D-E9-C3-B7' : MAC;
    await fixture.database.pool.query(`
      CREATE TABLE emacs_versions (id int PRIMARY KEY, emacs text);
      CREATE TABLE "Box" (no int PRIMARY KEY, ${column}, enabled boolean NOT NULL DEFAULT true);
      INSERT INTO "Box" (no, ${name}) VALUES (7, '${value}')`);
    const { file } = await fixture.init();
    expect(file.scope.query).toBe(
      `SELECT no AS device_id, enabled AS is_active\nFROM "Box"\nWHERE ${condition}\n`,
    );
  });

  it('takes no column for MAC addresses that has something else', async () => {
    await fixture.database.pool.query(`
      CREATE TABLE apples (id int PRIMARY KEY, mac text);
      INSERT INTO apples VALUES (1, 'McIntosh')`);
    expect((await fixture.init()).file.scope.query).toContain('SELECT 1 AS device_id');
  });
});
