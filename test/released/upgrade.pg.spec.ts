import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { digestOf, migrate, migrationsOf, type App, type Row } from './own-tables';

const apps: App[] = ['central', 'edge'];
const releases = ['0.1.0'];

function readReleased(release: string, file: string): string {
  return readFileSync(join(__dirname, release, file), 'utf8');
}

/** The digests of an app's migrations as they were released, by name. */
function releasedMigrations(release: string, app: App): Record<string, string> {
  return (JSON.parse(readReleased(release, 'migrations.json')) as Record<App, Record<string, string>>)[app];
}

/** Whether a row has each value of another, under whichever names. */
function hasValuesOf(row: Row, other: Row): boolean {
  const values = Object.values(row).map((value) => JSON.stringify(value));
  return Object.values(other).every((value) => {
    const place = values.indexOf(JSON.stringify(value));
    if (place !== -1) values.splice(place, 1);
    return place !== -1;
  });
}

beforeAll(() => Logger.overrideLogger(false));

describe.each(apps)('the tables of %s', (app) => {
  it.each(releases)(
    'after an upgrade from %s are those of a new database, with every row and number',
    async (release) => {
      const upgraded = await migrate(app, readReleased(release, `${app}.sql`));
      const created = await migrate(app);

      expect(upgraded.catalogue).toEqual(created.catalogue);
      for (const [table, rows] of Object.entries(upgraded.before)) {
        expect([table, rows]).not.toEqual([table, []]);
        const lost = rows.filter((row) => !upgraded.after[table]?.some((kept) => hasValuesOf(kept, row)));
        expect({ table, lost }).toEqual({ table, lost: [] });
      }
      const [before, after] = upgraded.sequences;
      for (const [name, value] of Object.entries(before)) expect(after[name]).toBeGreaterThanOrEqual(value);
      const migrations = upgraded.before['migrations']!.map(({ name }) => name);
      expect(migrations).toEqual(Object.keys(releasedMigrations(release, app)));
    },
  );

  it.each(releases)('are made by the migrations of %s as these were released', async (release) => {
    const released = releasedMigrations(release, app);
    const oldest = (await migrationsOf(app)).slice(0, Object.keys(released).length);
    const digests: Record<string, string> = {};
    for (const migration of oldest) digests[migration.name] = await digestOf(migration);

    expect(digests).toEqual(released);
  });
});
