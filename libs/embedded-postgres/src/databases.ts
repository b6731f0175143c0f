import { Client, escapeIdentifier } from 'pg';

/**
 * Creates missing databases. Rivulet's own tables are in the schema `rivulet`, after `public` on the search path, so that
 * unqualified names work in psql. The setting is repeated for a database that was created without it.
 */
export async function ensureDatabases(connectionString: string, names: string[]): Promise<void> {
  const client = new Client({ connectionString, ssl: false, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; isSet: boolean }>(
      `SELECT d.datname AS name, s.setdatabase IS NOT NULL AS "isSet"
         FROM pg_database d LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid AND s.setrole = 0
        WHERE d.datname = ANY ($1)`,
      [names],
    );
    for (const name of names) {
      const found = rows.find((row) => row.name === name);
      if (found === undefined) await client.query(`CREATE DATABASE ${escapeIdentifier(name)}`);
      if (found?.isSet !== true) {
        await client.query(`ALTER DATABASE ${escapeIdentifier(name)} SET search_path = public, rivulet`);
      }
    }
  } finally {
    await client.end();
  }
}
