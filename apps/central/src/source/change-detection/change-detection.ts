import { Injectable } from '@nestjs/common';
import { readRoleSettings, type TableTracking } from '@rivulet/datasets';
import { inTransaction, ownTables, renewConnections, withClient } from '@rivulet/postgres';
import type { ClientBase, Pool } from 'pg';
import { ChangeLog } from './change-log/change-log';
import { openChangeLog } from './change-log/open-change-log';
import type { DescribedColumn } from '@rivulet/snapshot';
import { readChangedKeys, forgetOldKeys, type NotedKey } from './change-log/changed-keys';
import type { WatchedQuery } from './look-at-queries';
import { QueryWatches, type NotedChangedKey } from './query-watches';
import { recordTables, readTableNames } from './change-log/record-tables';
import { whyWithoutTrigger } from './tables-without-trigger';
import { Versions } from './change-log/versions';
import { WatchReport } from './watch-report';

export type { WatchedQuery } from './look-at-queries';

/** The dependencies that decide whether the result of a query is still what it was. */
export interface QueryWatch {
  /** Which changes of the tables count: for those that are not in it, each one. */
  tracking: TableTracking[];
  /** OIDs of the tables whose changes are noted, as text and in ascending order. */
  relations: string[];
  /** How all that it reads is defined: a text that differs whenever any of it does. */
  definition: string;
  /** Why its result can change without either being another, so that it must be read again after an interval. */
  polled: string | undefined;
}

/** Below this, reading all rows of a dataset takes no longer than finding out which have changed. */
const LEAST_KEYED_BYTES = 4 * 1024 * 1024;

/** Settings that others change meanwhile make a look worthless; so many are made at a time. */
const LOOKS = 3;

export type DetectionMode = 'trigger' | 'poll';

const NONE = { versions: Versions.none, pending: new Set<string>() };

/** Knows what the queries of the datasets file depend on, and whether any of that has changed. */
@Injectable()
export class ChangeDetection {
  private readonly log: ChangeLog;
  private readonly report: WatchReport;
  private readonly watches: QueryWatches;
  /** The state of the watches whose tables have versions. */
  private recorded: string | undefined;
  /** Their names. */
  private tables: string[] = [];
  /** See readRoleSettings: those that all sessions have from now on. */
  private settings: string | undefined;
  /** Why nothing is watched at all. */
  private polled: string | undefined = 'central has not looked at the source yet';
  private reasons: ReadonlyMap<string, string[]> = new Map();

  constructor(
    private readonly source: Pool,
    private readonly mode: DetectionMode,
    readonly pollIntervalMs: number,
    leastKeyedBytes = LEAST_KEYED_BYTES,
  ) {
    this.watches = new QueryWatches(leastKeyedBytes);
    this.log = new ChangeLog(source);
    this.report = new WatchReport(pollIntervalMs);
  }

  /** Versions of the watched tables as of a moment after the call; the same object while none has changed. */
  async versions(): Promise<Versions> {
    return this.polled === undefined ? this.log.versions() : NONE.versions;
  }

  /** See ChangeLog.takeOldestCommitMs. */
  takeOldestCommitMs(): number | undefined {
    return this.log.takeOldestCommitMs();
  }

  /** See ChangeLog.versionsAt. */
  async versionsAt(client: ClientBase): Promise<{ versions: Versions; pending: ReadonlySet<string> }> {
    return this.polled === undefined ? this.log.versionsAt(client) : NONE;
  }

  /** One text for how everything is defined that the queries read; undefined when nobody looks. */
  get definitionsSeen(): string | undefined {
    return this.polled === undefined ? this.watches.definition : undefined;
  }

  /** Another text whenever something else than a version is known that was not before: a definition, a trigger. */
  get state(): string {
    return this.polled ?? this.watches.state;
  }

  watchOf(name: string): QueryWatch {
    if (this.polled !== undefined)
      return { relations: [], tracking: [], definition: '', polled: this.polled };
    const { relations, definition, polled } = this.watches.get(name);
    const tracking = this.watches.trackingOf(name);
    return {
      relations,
      tracking,
      definition,
      polled: polled ?? whyWithoutTrigger(this.watches.withoutTrigger(name)),
    };
  }

  /** By which columns the changed rows of a dataset with this key are noted; or why they are not, and the cure. */
  changedKeyOf(name: string, key: readonly DescribedColumn[]): NotedChangedKey | string {
    if (this.polled !== undefined) return this.polled;
    return this.watchOf(name).polled ?? this.watches.changedKeyOf(name, key);
  }

  /** Whether all that a query reads is defined now as it was when this definition was found. */
  async isDefinedAs(name: string, definition: string): Promise<boolean> {
    if (this.polled !== undefined) return false;
    return withClient(this.source, (client) => this.watches.isDefinedAs(client, name, definition));
  }

  /** See readChangedKeys. @param since the id of the versions with which something was read */
  async changedKeys(
    client: ClientBase,
    relation: string,
    since: string,
    values: readonly number[] | undefined,
    limit: number,
  ): Promise<NotedKey[] | undefined> {
    const [fold, version] = since.split('.');
    if (this.polled !== undefined || fold === undefined || version === undefined) return undefined;
    return readChangedKeys(client, relation, { fold, version }, values, limit);
  }

  /**
   * Looks at what the queries depend on and installs triggers where they are missing. Cheap when nothing has changed
   * since the last time.
   *
   * @returns whether there was something else to look at than definitions that are as they were
   */
  async reconcile(queries: WatchedQuery[]): Promise<boolean> {
    await this.renewSessions();
    const obstacle = await this.installWhatIsMissing();
    if (obstacle !== undefined) this.polled = obstacle;
    const looksBefore = this.watches.looksMade;
    const tables = obstacle === undefined ? await this.watchWithSettings(queries) : [];
    // Not before: a look that fails says nothing of what was distrusted.
    this.polled = obstacle;
    this.report.sayWatched(tables);
    this.sayPolled(queries);
    return this.watches.looksMade > looksBefore;
  }

  /** From now on all is polled, until a look succeeds. */
  distrust(reason: string, queries: WatchedQuery[]): void {
    this.polled = reason;
    this.sayPolled(queries);
  }

  /** Each reason to poll, with the queries that it is true of, as of the last look. */
  get polledBecause(): ReadonlyMap<string, string[]> {
    return this.reasons;
  }

  private sayPolled(queries: WatchedQuery[]): void {
    this.reasons = this.reasonsToPoll(queries);
    this.report.sayPolled(this.reasons, this.mode === 'poll');
  }

  /** Sees to it that the change log is there. @returns why it cannot be */
  private async installWhatIsMissing(): Promise<string | undefined> {
    if (this.mode === 'poll') return 'CENTRAL_CHANGE_DETECTION is poll';
    return withClient(this.source, openChangeLog);
  }

  /**
   * A session keeps the settings of its role and database with which it began (search_path, lc_time …). What is read under
   * the definitions of a look must be read with those that the look saw, so that no older session is used after it.
   */
  private async watchWithSettings(queries: WatchedQuery[]): Promise<string[]> {
    for (let attempt = 1; attempt <= LOOKS; attempt++) {
      const tables = await this.watch(queries);
      if (!(await this.renewSessions())) return tables;
    }
    throw new Error('The settings of roles and databases are being changed all the time.');
  }

  /** @returns whether it was necessary */
  private async renewSessions(): Promise<boolean> {
    const settings = await withClient(this.source, readRoleSettings);
    if (settings === this.settings) return false;
    if (this.settings !== undefined) this.polled = 'settings of its role or database have changed';
    renewConnections(this.source);
    this.settings = settings;
    return true;
  }

  /** @returns the names of the tables that are watched */
  private async watch(queries: WatchedQuery[]): Promise<string[]> {
    const tables = await withClient(this.source, async (client) => {
      await this.watches.refresh(client, queries);
      const { state, tableDefinitions, watchedRelations } = this.watches;
      if (state !== this.recorded) {
        await inTransaction(client, ownTables, () => recordTables(client, tableDefinitions));
        this.tables = await readTableNames(client, watchedRelations);
        this.recorded = state;
      }
      await inTransaction(client, ownTables, () => forgetOldKeys(client));
      return this.tables;
    });
    // The log does not grow while no device asks.
    await this.log.versions();
    return tables;
  }

  /** Each reason, with the queries that are polled for it. That triggers are missing is one reason for all of them. */
  private reasonsToPoll(queries: WatchedQuery[]): Map<string, string[]> {
    const isWatching = this.polled === undefined;
    const isUntriggered = ({ name }: WatchedQuery): boolean =>
      isWatching &&
      this.watches.get(name).polled === undefined &&
      this.watches.withoutTrigger(name).length > 0;
    const untriggered = new Set(queries.filter(isUntriggered).map(({ name }) => name));
    const missing = whyWithoutTrigger([
      ...new Set([...untriggered].flatMap((name) => this.watches.withoutTrigger(name))),
    ]);
    const reasons = new Map<string, string[]>();
    for (const { name, label = name } of queries) {
      const polled = untriggered.has(name) ? missing : this.watchOf(name).polled;
      if (polled !== undefined) reasons.set(polled, [...(reasons.get(polled) ?? []), label]);
    }
    return reasons;
  }
}
