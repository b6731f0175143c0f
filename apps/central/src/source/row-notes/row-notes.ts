import { RivuletError } from '@rivulet/errors';
import { lockForTransaction, ownTables, withClient } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import type { SourceDatabase } from '../../source-database/source-database';
import type { DetectionMode } from '../change-detection/change-detection';
import { INSTALLATION_LOCK } from '../change-detection/change-log/change-log-schema';
import { openChangeLog } from '../change-detection/change-log/open-change-log';
import { readTableFacts, whyNotNoted, type NotedTable, type TableFacts } from './noted-table';
import { openRowNotes } from './open-row-notes';

/** CREATE TRIGGER waits for the writers of a table, and new ones wait behind it meanwhile. */
const INSTALL = { ...ownTables, lockTimeoutMs: 2_000 };
/** Held by the one who publishes, until what was published is removed. */
const TAKE_LOCK = 'rivulet changed rows';
const TAKEN_AT_ONCE = 200;

export interface RowNote {
  /** The identity of this note alone, wherever the source was restored. */
  name: string;
  /** The table's OID. */
  relation: string;
  /** Undefined: any row of the table may have changed. */
  change: RowChange | undefined;
}

/** `resync`: any row of the topic may have changed. JSON is as PostgreSQL prints it. */
export interface RowChange {
  operation: 'insert' | 'update' | 'delete' | 'resync';
  topic: string[];
  key: string | null;
  row: string | null;
}

interface NoteRow {
  id: string;
  name: string;
  relation: string;
  operation: RowChange['operation'] | null;
  topic: string[] | null;
  key: string | null;
  row: string | null;
}

/** The changed rows of tables that realtime.yaml names, as triggers in the source note them. */
export class RowNotes {
  constructor(
    private readonly source: SourceDatabase,
    private readonly mode: DetectionMode,
  ) {}

  /**
   * @returns for each table why its changed rows cannot be noted, and what to do about it
   * @throws RivuletError SOURCE_UNAVAILABLE
   */
  async check(tables: readonly NotedTable[]): Promise<(string | undefined)[]> {
    const all = (reason: string): string[] => tables.map(() => reason);
    if (tables.length === 0) return [];
    if (this.mode === 'poll') {
      return all(
        'changes of rows are told by triggers, and CENTRAL_CHANGE_DETECTION is poll; set it to trigger, or remove `rows`',
      );
    }
    return this.source.ask(async () => {
      return withClient(this.source.pool, async (client) => {
        const reason = (await openChangeLog(client)) ?? (await openRowNotes(client));
        if (reason !== undefined) return all(reason);
        const facts = await readTableFacts(client, tables);
        return tables.map((table, index) => whyNotNoted(table, facts[index]!));
      });
    });
  }

  /**
   * Gives the tables the triggers that they lack, and takes them from all others. A table that had none may have changed
   * unnoticed, which is its first note.
   *
   * @returns the OIDs of the tables
   */
  async install(tables: readonly NotedTable[]): Promise<string[]> {
    return this.source.inTransaction(INSTALL, async (client) => {
      await lockForTransaction(client, INSTALLATION_LOCK);
      const facts = await readTableFacts(client, tables);
      for (const [index, table] of tables.entries()) {
        const reason = whyNotNoted(table, facts[index]!);
        if (reason !== undefined)
          throw new RivuletError('REALTIME_FILE_INVALID', `${table.table}: ${reason}.`);
        if (!facts[index]!.isNoted) await noteRows(client, table, facts[index]!);
      }
      const oids = facts.map(({ oid }) => oid!);
      await client.query('SELECT rivulet.forget_rows($1::oid[])', [oids]);
      return oids;
    });
  }

  /** Takes the triggers from all tables, where there are any. */
  async forgetAll(): Promise<void> {
    if (this.mode === 'poll') return;
    await this.source.inTransaction(INSTALL, async (client) => {
      const { rows } = await client.query<{ isThere: boolean }>(
        `SELECT EXISTS (SELECT FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
           WHERE nspname = 'rivulet' AND proname = 'forget_rows') AS "isThere"`,
      );
      if (rows[0]!.isThere) await client.query(`SELECT rivulet.forget_rows('{}')`);
    });
  }

  /** One small statement: whether all of the tables are noted as they are to be. */
  async areNoted(tables: readonly NotedTable[]): Promise<boolean> {
    return this.source.inTransaction(ownTables, async (client) => {
      const facts = await readTableFacts(client, tables);
      return facts.every(({ isNoted }) => isNoted);
    });
  }

  /**
   * Gives the next notes, in their order, to one process at a time. They are removed when `handle` is done: one that ends
   * before has them come again.
   *
   * @returns whether there may be more
   */
  async take(handle: (notes: RowNote[]) => Promise<void>): Promise<boolean> {
    return this.source.inTransaction(ownTables, async (client) => {
      const { rows: locked } = await client.query<{ isMine: boolean }>(tryLock, [TAKE_LOCK]);
      if (!locked[0]!.isMine) return false;
      const { rows } = await client.query<NoteRow>({
        name: 'rivulet changed rows',
        text: readNotes,
        values: [TAKEN_AT_ONCE],
      });
      if (rows.length === 0) return false;
      await handle(rows.map(toNote));
      await client.query('DELETE FROM rivulet.changed_rows WHERE id = ANY ($1::bigint[])', [
        rows.map(({ id }) => id),
      ]);
      return rows.length === TAKEN_AT_ONCE;
    });
  }
}

async function noteRows(
  client: ClientBase,
  { topic, key, columns }: NotedTable,
  { oid }: TableFacts,
): Promise<void> {
  await client.query('SELECT rivulet.note_rows($1::oid, $2, $3, $4)', [oid, topic, key, columns]);
  await client.query(
    'INSERT INTO rivulet.changed_rows (relation, transaction) VALUES ($1, pg_current_xact_id())',
    [oid],
  );
}

function toNote({ name, relation, operation, topic, key, row }: NoteRow): RowNote {
  const change = operation === null ? undefined : { operation, topic: topic ?? [], key, row };
  return { name, relation, change };
}

const tryLock = 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS "isMine"';

const readNotes = `
SELECT id, name, relation::text AS relation, note ->> 'operation' AS operation,
  ARRAY(SELECT jsonb_array_elements_text(note -> 'topic')) AS topic,
  (note -> 'key')::text AS key, nullif(note -> 'row', 'null')::text AS row
FROM rivulet.changed_rows ORDER BY id LIMIT $1`;
