import { RivuletError } from '@rivulet/errors';
import { inTransaction, lockForTransaction, ownTables, withClient } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import type { SourceDatabase } from '../../source-database/source-database';
import type { DetectionMode } from '../change-detection/change-detection';
import { INSTALLATION_LOCK } from '../change-detection/change-log/change-log-schema';
import { openChangeLog } from '../change-detection/change-log/open-change-log';
import type { DatasetRows, NotedEntry } from './dataset-rows';
import { readTableFacts, selectionOf, whyNotNoted, type NotedTable, type TableFacts } from './noted-table';
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
  /** See InstalledNotes; undefined where the whole table is meant. */
  rule: string | undefined;
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

/** What notes say of the table and of the entry by which they were made. */
export interface InstalledNotes {
  relation: string;
  rule: string;
}

interface NoteRow {
  id: string;
  name: string;
  relation: string;
  rule: string | null;
  operation: RowChange['operation'] | null;
  topic: string[] | null;
  key: string | null;
  row: string | null;
}

/** The changed rows of tables and datasets that realtime.yaml names, as triggers in the source note them. */
export class RowNotes {
  constructor(
    private readonly source: SourceDatabase,
    private readonly mode: DetectionMode,
    private readonly datasets: DatasetRows,
  ) {}

  /** Whether a dataset may have become another one, so that nothing is to be published before it was looked at again. */
  get isOutdated(): boolean {
    return this.datasets.isOutdated;
  }

  /**
   * @returns for each entry why its changed rows cannot be noted, and what to do about it
   * @throws RivuletError SOURCE_UNAVAILABLE
   */
  async check(entries: readonly NotedEntry[]): Promise<(string | undefined)[]> {
    const all = (reason: string): string[] => entries.map(() => reason);
    if (entries.length === 0) return [];
    if (this.mode === 'poll') {
      return all(
        'changes of rows are told by triggers, and CENTRAL_CHANGE_DETECTION is poll; set it to trigger, or remove `rows`',
      );
    }
    return this.source.ask(async () => {
      return withClient(this.source.pool, async (client) => {
        const reason = (await openChangeLog(client)) ?? (await openRowNotes(client));
        if (reason !== undefined) return all(reason);
        return inTransaction(client, ownTables, async () =>
          checkEach(client, await this.datasets.apart().resolve(client, entries)),
        );
      });
    });
  }

  /**
   * Gives the tables the triggers that they lack, and takes them from all others. A table that had none may have changed
   * unnoticed, which is its first note.
   *
   * @throws RivuletError REALTIME_FILE_INVALID where one cannot be noted any more
   */
  async install(entries: readonly NotedEntry[]): Promise<InstalledNotes[]> {
    return this.source.inTransaction(INSTALL, async (client) => {
      await lockForTransaction(client, INSTALLATION_LOCK);
      const resolved = await this.datasets.resolve(client, entries);
      const reasons = await checkEach(client, resolved);
      const place = reasons.findIndex((reason) => reason !== undefined);
      if (place !== -1)
        throw new RivuletError('REALTIME_FILE_INVALID', `${nameOf(entries[place]!)}: ${reasons[place]}.`);
      const tables = resolved as NotedTable[];
      const facts = await readTableFacts(client, tables);
      for (const [index, table] of tables.entries())
        if (!facts[index]!.isNoted) await noteRows(client, table, facts[index]!);
      await client.query('SELECT rivulet.forget_rows($1::oid[])', [facts.map(({ oid }) => oid!)]);
      return facts.map(({ oid, rule }) => ({ relation: oid!, rule }));
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

  /** One small statement for each: whether all of them are noted as they are to be. */
  async areNoted(entries: readonly NotedEntry[]): Promise<boolean> {
    return this.source.inTransaction(ownTables, async (client) => {
      const resolved = await this.datasets.resolve(client, entries);
      if (resolved.some((one) => typeof one === 'string')) return false;
      const facts = await readTableFacts(client, resolved as NotedTable[]);
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
      // What a dataset no longer has must not be published by the condition that it had.
      if (!(await this.datasets.areAsResolved(client))) return false;
      await handle(rows.map(toNote));
      await client.query('DELETE FROM rivulet.changed_rows WHERE id = ANY ($1::bigint[])', [
        rows.map(({ id }) => id),
      ]);
      return rows.length === TAKEN_AT_ONCE;
    });
  }
}

/** Why each of them cannot be noted. The notes of a table are made by one entry. */
async function checkEach(
  client: ClientBase,
  resolved: readonly (NotedTable | string)[],
): Promise<(string | undefined)[]> {
  const seen = new Set<string>();
  const reasons: (string | undefined)[] = [];
  for (const one of resolved) {
    if (typeof one === 'string') {
      reasons.push(one);
      continue;
    }
    const [facts] = await readTableFacts(client, [one]);
    const { oid, name } = facts!;
    const isTwice = oid !== null && seen.has(oid);
    if (oid !== null) seen.add(oid);
    reasons.push(
      isTwice ? `its table ${name} is that of an entry before it, and has one` : whyNotNoted(one, facts!),
    );
  }
  return reasons;
}

function nameOf(entry: NotedEntry): string {
  return 'dataset' in entry ? `dataset ${entry.dataset}` : entry.table;
}

async function noteRows(client: ClientBase, table: NotedTable, { oid }: TableFacts): Promise<void> {
  const { topic, key, columns } = table;
  await client.query('SELECT rivulet.note_rows($1::oid, $2, $3, $4, $5)', [
    oid,
    topic,
    key,
    columns,
    selectionOf(table),
  ]);
  await client.query(
    'INSERT INTO rivulet.changed_rows (relation, transaction) VALUES ($1, pg_current_xact_id())',
    [oid],
  );
}

function toNote({ name, relation, rule, operation, topic, key, row }: NoteRow): RowNote {
  const change = operation === null ? undefined : { operation, topic: topic ?? [], key, row };
  return { name, relation, rule: rule ?? undefined, change };
}

const tryLock = 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS "isMine"';

const readNotes = `
SELECT id, name, relation::text AS relation, note ->> 'rule' AS rule, note ->> 'operation' AS operation,
  ARRAY(SELECT jsonb_array_elements_text(note -> 'topic')) AS topic,
  (note -> 'key')::text AS key, nullif(note -> 'row', 'null')::text AS row
FROM rivulet.changed_rows ORDER BY id LIMIT $1`;
