import { macAddress } from '../../apps/edge/test/sync-cycle-fixture';
import { DebianServer, findDebianServer } from '../support/apps/debian-server';
import { SyncInProcess } from '../support/apps/sync-in-process';

interface Extension {
  name: string;
  packages: string;
  /** What stands behind the key `id` in the table; `gis` is where the extension is at central. */
  definitions: string;
  /** The values of these columns, for a row number `n`. */
  values: string;
  changes: string;
  /** A column, the type that it gets, and how the edge then calls it. */
  retyped: [string, string, string];
  unkeyed: [string, string];
}

const extensions: Extension[] = [
  {
    name: 'postgis',
    packages: 'postgresql-15-postgis-3',
    definitions: `place gis.geometry(Point,4326), shape gis.geometry, track gis.geography(LineStringZ,4326),
      places gis.geometry(Point,4326)[]`,
    values: `gis.ST_SetSRID(gis.ST_MakePoint(n / 7.0, -n / 3.0), 4326),
      (ARRAY['POINT EMPTY', 'POLYGON((0 0,0 1,1 1,0 0))', 'SRID=3857;MULTIPOINT(1 2,3.0000000000000004 4)',
             'GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(1 2,-0 1e-300))', NULL]::gis.geometry[])[n % 5 + 1],
      ('LINESTRING Z (8.5 47.3 400,8.6 47.4 ' || n || ')')::gis.geography,
      ARRAY[gis.ST_SetSRID(gis.ST_MakePoint(n, 0.1), 4326), NULL]`,
    changes: `place = gis.ST_SetSRID(gis.ST_MakePoint(gis.ST_X(place) + 1e-13, gis.ST_Y(place)), 4326),
      shape = gis.ST_SetSRID(shape, 4326)`,
    retyped: ['place', 'gis.geometry(Geometry,4326)', 'geometry(Geometry,4326)'],
    unkeyed: ['shape', 'postgis.geometry'],
  },
  {
    name: 'vector',
    packages: 'postgresql-17-pgvector',
    definitions: 'embedding gis.vector(3), anything gis.vector, several gis.vector(2)[]',
    values: `ARRAY[n, n / 7.0, -n / 3.0]::real[]::gis.vector(3),
      (ARRAY['[1]', '[0.1,-0,1e-30]', '[16777217,3.4e38]', NULL]::gis.vector[])[n % 4 + 1],
      ARRAY[NULL, ARRAY[n, 0.1]::real[]::gis.vector(2)]`,
    changes: `embedding = ARRAY[n + 0.001, 0.30000001, -0]::real[]::gis.vector(3), anything = '[-1,1]'`,
    retyped: ['embedding', 'gis.vector', 'vector'],
    unkeyed: ['anything', 'vector.vector'],
  },
];

const datasetsFile = (columns: string[], key = 'id'): string => `version: 1
scope:
  query: SELECT 1 AS device_id WHERE :mac_address = '${macAddress}'
datasets:
  - name: things
    key: [${key}]
    query: SELECT ${columns.join(', ')} FROM source.things
`;

for (const extension of extensions) {
  const { name, packages, definitions, values, changes, retyped, unkeyed } = extension;
  const programs = findDebianServer(name);
  const skipped = `SKIPPED: no server in /usr/lib/postgresql has it; install a package such as ${packages}`;
  const title = `the types of the extension ${name}`;
  const describeIfFound = programs === undefined ? describe.skip : describe;
  const columns = [
    'id',
    ...definitions.split(/,\s+(?=\w+ gis)/).map((definition) => definition.trim().split(' ')[0]!),
  ];

  describeIfFound(programs === undefined ? `${title} (${skipped})` : title, () => {
    const usualServer = process.env['TEST_DATABASE_URL'];
    let server: DebianServer;
    let pair: SyncInProcess;

    beforeAll(async () => {
      server = await DebianServer.start(programs!);
      process.env['TEST_DATABASE_URL'] = server.url;
      pair = await SyncInProcess.create(
        `CREATE SCHEMA source; CREATE SCHEMA gis; CREATE EXTENSION ${name} SCHEMA gis;
       CREATE TABLE source.things (id int PRIMARY KEY, n int, ${definitions});
       INSERT INTO source.things SELECT n, n, ${values} FROM generate_series(1, 3000) AS n`,
        '',
      );
    });

    afterAll(async () => {
      process.env['TEST_DATABASE_URL'] = usualServer;
      await pair?.close();
      await server?.stop();
    });

    const expectEqual = async (): Promise<void> => {
      const [sent, arrived] = await pair.bothTexts('things', columns);
      expect(arrived).toEqual(sent);
      expect(arrived).toHaveLength(3_000);
    };

    it('are loaded, patched, merged and scrubbed, and the edge creates the extension', async () => {
      const services = await pair.services(datasetsFile(columns));
      expect(await pair.sync(services)).toMatchObject({ error: undefined, done: ['created'] });
      await expectEqual();
      expect(await pair.sync(services)).toMatchObject({ error: undefined, status: 'current' });
      for (const knowing of [true, false]) {
        const where = `id % 700 = ${knowing ? 3 : 4}`;
        await pair.central.database.pool.query(`UPDATE source.things SET ${changes} WHERE ${where}`);
        const done = [knowing ? 'patched' : 'merged'];
        expect(await pair.sync(services, { knowing })).toMatchObject({ error: undefined, done });
        await expectEqual();
      }
      expect((await pair.edge.scrub({ repair: false })).status).toBe('intact');
    });

    it('follow a change of their modifiers', async () => {
      const [column, type, onEdge] = retyped;
      await pair.central.database.pool.query(`ALTER TABLE source.things ALTER ${column} TYPE ${type}`);
      const services = await pair.services(datasetsFile(columns));
      expect(await pair.sync(services)).toMatchObject({ error: undefined, done: ['rebuilt'] });
      await expectEqual();
      const types = await pair.edge.select(`
      SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = 'public.things'::regclass AND attname = '${column}'`);
      expect(types).toEqual([{ type: onEdge }]);
    });

    it('are refused in a key', async () => {
      const [column, type] = unkeyed;
      await expect(pair.services(datasetsFile(columns, column))).rejects.toMatchObject({
        code: 'DATASETS_FILE_INVALID',
        message: expect.stringContaining(
          `names column ${column} in its key, and the sort order of ${type} differs between databases`,
        ),
      });
    });
  });
}
