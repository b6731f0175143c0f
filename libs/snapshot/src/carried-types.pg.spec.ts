import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { extensionTypes } from '@rivulet/protocol';
import { carriedTypes } from './carried-types';

/** As docs/types.md has them. */
const refusedTypes = `
  aclitem gtsvector pg_brin_bloom_summary pg_brin_minmax_multi_summary pg_dependencies pg_mcv_list pg_ndistinct
  pg_node_tree regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure
  regrole regtype tid`;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

describe('the types that PostgreSQL comes with', () => {
  it('are carried, but for these', async () => {
    // Arrays, and the vectors that are carried as arrays, have the category A.
    const { rows } = await database.pool.query<{ name: string }>(
      `SELECT typname AS name FROM pg_type
       WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typcategory <> 'A'
         AND typname <> ALL ($1) ORDER BY typname COLLATE "C"`,
      [carriedTypes],
    );
    expect(rows.map(({ name }) => name)).toEqual(refusedTypes.trim().split(/\s+/));
  });

  it('are all in docs/types.md', async () => {
    const page = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'types.md'), 'utf8');
    const [carried, refused] = page.split('\n## What is refused\n') as [string, string];
    const { rows } = await database.pool.query<{ name: string }>(
      'SELECT name::regtype::text AS name FROM unnest($1::text[]) AS type (name)',
      [carriedTypes.map((type) => (type === 'char' ? '"char"' : type))],
    );
    expect(rows.filter(({ name }) => !carried.includes(`\`${name}\``))).toEqual([]);
    expect(
      refusedTypes
        .trim()
        .split(/\s+/)
        .filter((name) => !refused.includes(`\`${name}\``)),
    ).toEqual([]);
  });
});

describe('the types of extensions that are carried', () => {
  it('are all in docs/types.md, next to their extension', () => {
    const page = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'types.md'), 'utf8');
    const section = page.split('\n## ').find((part) => part.startsWith('Types of extensions\n'))!;
    let extension = '';
    const listed: Record<string, string[]> = {};
    for (const [, first, types] of section.matchAll(
      /^\| (`\w+`.*?)? ?\| ((?:`\w+`(?:, )?)+) \|.*\| (?:yes|no) \|$/gm,
    )) {
      extension = first === undefined || first === '' ? extension : /\w+/.exec(first)![0];
      (listed[extension] ??= []).push(...types!.match(/\w+/g)!);
    }
    expect(listed).toEqual(extensionTypes);
  });
});
