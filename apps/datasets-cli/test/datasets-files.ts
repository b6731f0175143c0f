/** The tables that the files are about. */
export const tables = `
    CREATE TABLE devices (id bigint PRIMARY KEY, mac_address text, site_id bigint, state text, group_ids bigint[]);
    INSERT INTO devices VALUES (1, '48:b0:2d:e9:c3:b7', 7, 'on', '{1,2}');
    CREATE TABLE users (
      id bigint PRIMARY KEY, site_id bigint NOT NULL, email text, badge text, owner regrole, doc json, settings jsonb
    );
    INSERT INTO users (id, site_id, email, badge)
    VALUES (1, 7, 'a@x.example', 'B1'), (2, 7, 'b@x.example', NULL), (3, 7, 'a@x.example', 'B3');
    CREATE SCHEMA hr;
    CREATE TABLE hr.people (id bigint PRIMARY KEY);
    CREATE TABLE blobs (id bigint PRIMARY KEY, content text);
    INSERT INTO blobs VALUES (1, repeat('x', 17000000))`;

export const SCOPE =
  'SELECT id AS device_id, site_id, group_ids FROM devices WHERE mac_address = :mac_address';

/** A file with this scope query, which begins at 3:10. */
export function withScope(query: string): string {
  return `version: 1
scope:
  query: ${query}
datasets:
  - {name: users, key: [id], query: SELECT id FROM users}
`;
}

/** A file with one dataset, whose fields begin at 5:5, 6:5 … */
export function withDataset(...fields: string[]): string {
  return `version: 1\nscope:\n  query: ${SCOPE}\ndatasets:\n  - ${fields.join('\n    ')}\n`;
}

/** A file with one dataset, whose query begins at 8:7 and whose key at 6:11. */
export function withQuery(query: string, key = '[id]', ...more: string[]): string {
  const block = ['query: |', ...query.split('\n').map((line) => `  ${line}`)];
  return withDataset('name: users', `key: ${key}`, ...block, ...more);
}
