import { setTimeout as delay } from 'node:timers/promises';
import { WrittenFile } from '../../test/central-services';
import { DatasetsFixture, fileOf, refusalOf, rowsOf, sites, sync, users } from '../../test/datasets-fixture';

let fixture: DatasetsFixture;

beforeEach(async () => {
  fixture = await DatasetsFixture.create();
});

afterEach(() => fixture.close());

describe('a datasets file that is read again', () => {
  it('takes the place of the one before, and its tables are watched', async () => {
    const central = await fixture.start();
    expect(await rowsOf(central)).toEqual({ users: 1 });
    fixture.file.write(fileOf(users.replace('id, name', 'id'), sites));
    expect(await rowsOf(central)).toEqual({ users: 1 });

    const { added, removed, changed, schemaVersion } = await central.operations.reload();

    expect({ added, removed, changed }).toEqual({
      added: ['sites'],
      removed: [],
      changed: [{ name: 'users', what: ['query', 'columns'] }],
    });
    const { tables, ...manifest } = await sync(central);
    expect(manifest.schemaVersion).toBe(schemaVersion);
    expect(tables.map(({ name, columns }) => [name, columns.length])).toEqual([
      ['users', 1],
      ['sites', 1],
    ]);
    const { datasets } = await central.operations.list();
    expect(datasets.map(({ watchedTables }) => watchedTables)).toEqual([
      ['rivulet.users'],
      ['rivulet.sites'],
    ]);
    await fixture.query('INSERT INTO sites VALUES (3)');
    expect(await rowsOf(central)).toEqual({ users: 1, sites: 3 });
  });

  it('changes a query of which only the text differs, with what is watched for it', async () => {
    const central = await fixture.start();
    await sync(central);
    fixture.file.write(fileOf(users.replace('WHERE', 'WHERE EXISTS (SELECT FROM sites) AND')));
    await central.operations.reload();
    expect(await rowsOf(central)).toEqual({ users: 1 });
    await fixture.query('DELETE FROM sites');
    expect(await rowsOf(central)).toEqual({ users: 0 });
  });

  it('changes what is said of a mirror with the same rows', async () => {
    const central = await fixture.start();
    const before = await sync(central);
    fixture.file.write(fileOf(users.replace('}', ', indexes: [[name]] }')));
    const { changed } = await central.operations.reload();
    expect(changed).toEqual([{ name: 'users', what: ['indexes'] }]);
    const after = await sync(central);
    expect(after.schemaVersion).not.toBe(before.schemaVersion);
    expect(after.tables).toEqual([
      expect.objectContaining({ indexes: [['name']], checksum: expect.any(String) }),
    ]);
  });

  it('changes nothing when it has mistakes, and all of them are told', async () => {
    const central = await fixture.start();
    const before = await central.operations.list();
    fixture.file.write(
      fileOf(users.replace('name FROM', 'nam FROM'), sites.replace('sites }', 'sides }'), '{ name: x }'),
    );

    const error = await refusalOf(central.operations.reload());

    expect(error.code).toBe('DATASETS_FILE_INVALID');
    const places = error.errors!.map(({ field }) => fixture.shortened(field));
    expect(places).toEqual([
      'datasets.yaml:5:50',
      'datasets.yaml:6:53',
      'datasets.yaml:7:5',
      'datasets.yaml:7:5',
    ]);
    expect(fixture.errors).toEqual([
      expect.stringMatching(
        /^datasets\.yaml was rejected; the datasets loaded before stay in force: datasets\.yaml:5:50: .*\n.*6:53/,
      ),
    ]);
    expect(await central.operations.list()).toEqual(before);
    expect(await rowsOf(central)).toEqual({ users: 1 });
  });

  it('changes nothing when it is not there', async () => {
    const central = await fixture.start();
    const { path } = fixture.file;
    fixture.file.remove();
    expect((await refusalOf(central.operations.reload())).message).toBe(
      `The datasets file ${path} cannot be read (ENOENT).`,
    );
    expect(await rowsOf(central)).toEqual({ users: 1 });
    fixture.file = new WrittenFile('');
  });

  it('is not what a request gets that is under way', async () => {
    fixture.file.write(
      fileOf(users, '{ name: slow, key: [id], query: "SELECT 1 AS id, pg_sleep(0.5)::text AS nothing" }'),
    );
    const central = await fixture.start();
    const { schemaVersion } = central.datasets.catalogue;
    const asked = sync(central);
    await fixture.untilActive('COPY%pg_sleep%');
    fixture.file.write(fileOf(sites));
    await central.operations.reload();
    const manifest = await asked;
    expect(manifest.schemaVersion).toBe(schemaVersion);
    expect(manifest.tables.map(({ name }) => name)).toEqual(['users', 'slow']);
    expect(await rowsOf(central)).toEqual({ sites: 2 });
  });

  it('is never half of one and half of the other, however often it is read', async () => {
    const versions = new Map<string, string>();
    const central = await fixture.start();
    const texts = [fileOf(users, sites), fileOf(users.replace('id, name', 'id')), fileOf(sites)];
    const ended = new AbortController();
    const asking = Array.from({ length: 4 }, async () => {
      while (!ended.signal.aborted) {
        const { schemaVersion, tables } = await sync(central);
        const shape = JSON.stringify(tables.map(({ name, columns }) => [name, columns]));
        expect(versions.get(schemaVersion) ?? shape).toBe(shape);
        versions.set(schemaVersion, shape);
      }
    });
    for (let times = 0; times < 15; times++) {
      fixture.file.write(texts[times % texts.length]!);
      await central.operations.reload();
      await delay(times % 4);
    }
    ended.abort();
    await Promise.all(asking);
    expect(versions.size).toBeGreaterThanOrEqual(3);
    expect(new Set(versions.values()).size).toBe(versions.size);
  });
});
