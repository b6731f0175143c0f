import { inTransaction, lockForTransaction, ownTables, withClient } from '@rivulet/postgres';
import type { ClientBase, Pool } from 'pg';
import { Coalesced } from '@rivulet/platform';
import { Versions } from './versions';

/** Held by whoever gives tables versions. */
export const VERSIONS_LOCK = 'rivulet table versions';

/** Rows of the log that are deleted in one go: there may be millions when central was away for long. */
const FOLDED_AT_ONCE = 200_000;

/**
 * The versions of the source's tables. A change that has been committed gets its table a new version before anyone is
 * told the old one again; see docs/adr/0011.
 */
export class ChangeLog {
  private known = Versions.none;
  private knownText = '';
  private readonly reading = new Coalesced(() => this.read());

  constructor(private readonly source: Pool) {}

  /** As of a moment after the call. The same object as long as nothing has changed. */
  async versions(): Promise<Versions> {
    return this.reading.run();
  }

  /**
   * As of the snapshot of the caller's REPEATABLE READ transaction, with the tables that have changes which it sees
   * and which no version stands for.
   *
   * If a table is not pending, the caller reads the content of the version that it sees: each version was given
   * after the changes that it stands for were committed, so it sees these; and a change that it sees and that has
   * no version yet has its row in changed_tables.
   */
  async versionsAt(client: ClientBase): Promise<{ versions: Versions; pending: ReadonlySet<string> }> {
    const { versions, pending } = await readLog(client);
    return { versions: new Versions(versions), pending: new Set(pending) };
  }

  private async read(): Promise<Versions> {
    return withClient(this.source, async (client) => {
      let log = await readLog(client);
      if (log.isPending) {
        await giveVersions(client);
        log = await readLog(client);
      }
      const text = JSON.stringify(log.versions);
      if (text !== this.knownText) {
        this.knownText = text;
        this.known = new Versions(log.versions);
      }
      return this.known;
    });
  }
}

interface Log {
  versions: Record<string, string>;
  /** Known tables. */
  pending: string[];
  /** Whether the log has any row. */
  isPending: boolean;
}

/** One look into the index of the log for each known table, as after an absence of central the log is long. */
async function readLog(client: ClientBase): Promise<Log> {
  const { rows } = await client.query<Log>({ name: 'rivulet versions', text: readVersions });
  return rows[0]!;
}

const readVersions = `
SELECT (SELECT coalesce(jsonb_object_agg(relation, version), '{}') FROM rivulet.table_versions) AS versions,
       ARRAY(
         SELECT relation::text FROM rivulet.table_versions known
         WHERE (SELECT true FROM rivulet.changed_tables changed WHERE changed.relation = known.relation LIMIT 1)
       ) AS pending,
       EXISTS (SELECT FROM rivulet.changed_tables) AS "isPending"`;

/** Rows that are not committed yet are invisible to the DELETE, and stay for the next time. */
async function giveVersions(client: ClientBase): Promise<void> {
  let folded: number;
  do {
    folded = await inTransaction(client, ownTables, async () => {
      await lockForTransaction(client, VERSIONS_LOCK);
      const { rows } = await client.query<{ folded: number }>(fold, [FOLDED_AT_ONCE]);
      return rows[0]!.folded;
    });
  } while (folded === FOLDED_AT_ONCE);
}

const fold = `
WITH changed AS (
  DELETE FROM rivulet.changed_tables
  WHERE ctid = ANY (ARRAY(SELECT ctid FROM rivulet.changed_tables LIMIT $1)) RETURNING relation
), given AS (
  UPDATE rivulet.table_versions SET version = gen_random_uuid() WHERE relation IN (SELECT relation FROM changed)
)
SELECT count(*)::int AS folded FROM changed`;
