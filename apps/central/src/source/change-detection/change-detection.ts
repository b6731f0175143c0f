import { Injectable } from '@nestjs/common';
import {
  isInterruption,
  inTransaction,
  isPostgresError,
  ownTables,
  readCatalogue,
  withClient,
} from '@rivulet/postgres';
import type { Parameters, QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import { ChangeLog } from './change-log';
import { readDefinitions, recordDefinitions } from './definitions';
import { findNotAlways, installTriggers } from './install-triggers';
import { openChangeLog } from './open-change-log';
import { whyWithoutTrigger, type TableWithoutTrigger } from './tables-without-trigger';
import { watchQuery, type Watch } from '@rivulet/datasets';
import { Versions } from './versions';
import { WatchReport } from './watch-report';

/** A query of the datasets file, under the name by which its watch is asked for. */
export interface WatchedQuery {
  name: string;
  /** For messages, where the name is not fit for them. */
  label?: string;
  template: QueryTemplate;
  /** Names and types. */
  parameters: Parameters;
}

export type DetectionMode = 'trigger' | 'poll';

const NONE = { versions: Versions.none, pending: new Set<string>() };

/** Knows what the queries of the datasets file depend on, and whether any of that has changed. */
@Injectable()
export class ChangeDetection {
  private readonly log: ChangeLog;
  private readonly report: WatchReport;
  private watches = new Map<string, Watch>();
  /** Of the queries that are polled for nothing else: their tables without a trigger. */
  private untriggered = new Map<string, TableWithoutTrigger[]>();
  /** Their names, for people. */
  private watchedTables: string[] = [];
  /** What the owners of some of them would have to run, so that no writer is missed. */
  private cures: string[] = [];
  /** A hash of what the watches were made from; undefined when it is not certain that they still fit. */
  private definitions: string | undefined;
  private seen: string | undefined;
  /** Why nothing is watched at all. */
  private polled: string | undefined = 'central has not looked at the source yet';

  constructor(
    private readonly source: Pool,
    private readonly mode: DetectionMode,
    readonly pollIntervalMs: number,
  ) {
    this.log = new ChangeLog(source);
    this.report = new WatchReport(pollIntervalMs);
  }

  /** Versions of the watched tables as of a moment after the call; the same object while nothing has changed. */
  async versions(): Promise<Versions> {
    return this.polled === undefined ? this.log.versions() : NONE.versions;
  }

  /** See ChangeLog.versionsAt. */
  async versionsAt(client: ClientBase): Promise<{ versions: Versions; pending: ReadonlySet<string> }> {
    return this.polled === undefined ? this.log.versionsAt(client) : NONE;
  }

  /** A hash of how everything was defined that the queries read, when it was looked at last; undefined when it is not. */
  get definitionsSeen(): string | undefined {
    return this.polled === undefined ? this.seen : undefined;
  }

  watchOf(name: string): Watch {
    const { polled } = this;
    if (polled !== undefined) return { relations: [], polled };
    return this.watches.get(name) ?? { relations: [], polled: 'nobody has looked at it yet' };
  }

  /**
   * Looks at what the queries depend on, installs triggers where they are missing, and gives a new version to what
   * was defined anew. Cheap when nothing has changed since the last time.
   */
  async reconcile(queries: WatchedQuery[]): Promise<void> {
    this.polled = await this.installWhatIsMissing();
    if (this.polled === undefined) {
      await this.watch(queries);
      // The log does not grow while no device asks.
      await this.log.versions();
    }
    this.report.sayWatched(this.polled === undefined ? this.watchedTables : []);
    this.report.sayNotAlways(this.polled === undefined ? this.cures : []);
    this.report.sayPolled(this.reasonsToPoll(queries), this.mode === 'poll');
  }

  /** Sees to it that the change log is there. @returns why it cannot be */
  private async installWhatIsMissing(): Promise<string | undefined> {
    if (this.mode === 'poll') return 'CENTRAL_CHANGE_DETECTION is poll';
    return withClient(this.source, openChangeLog);
  }

  private async watch(queries: WatchedQuery[]): Promise<void> {
    await withClient(this.source, async (client) => {
      const known = relationsOf(this.watches);
      const isComplete = isWatchedAlone(this.watches, queries);
      const before = await inTransaction(client, readCatalogue, () => readDefinitions(client, known));
      if (isComplete && before.hash === this.definitions) return;

      const { watches, refused } = await inTransaction(client, readCatalogue, () =>
        this.lookAt(client, queries),
      );
      const relations = relationsOf(watches);
      const missing = await installTriggers(client, relations);
      this.cures = await findNotAlways(client, relations);
      const after = await inTransaction(client, ownTables, async () => {
        const definitions = await readDefinitions(client, relations);
        await recordDefinitions(client, definitions);
        return definitions;
      });
      this.seen = after.hash;
      this.untriggered = untriggeredOf(watches, missing);
      this.watches = withoutTriggers(watches, missing, this.untriggered);
      this.watchedTables = after.tables.filter(({ oid }) => !missing.has(oid)).map(({ name }) => name);
      // A view that changed after its query was looked at is in `after` already. So this is repeated until it begins
      // and ends with the same; and what has no trigger yet is tried again the next time.
      const isSettled = missing.size === 0 && !refused && before.hash === after.hash;
      this.definitions = isSettled ? after.hash : undefined;
    });
  }

  private async lookAt(
    client: ClientBase,
    queries: WatchedQuery[],
  ): Promise<{ watches: Map<string, Watch>; refused: boolean }> {
    const watches = new Map<string, Watch>();
    let refused = false;
    for (const { name, template, parameters } of queries) {
      try {
        watches.set(name, await watchQuery(client, template, parameters));
      } catch (error) {
        // The other queries are still worth watching.
        if (!isPostgresError(error) || isInterruption(error)) throw error;
        refused = true;
        watches.set(name, { relations: [], polled: `PostgreSQL refuses it: ${error.message}` });
      }
    }
    return { watches, refused };
  }

  /** Each reason, with the queries that are polled for it. That triggers are missing is one reason for all of them. */
  private reasonsToPoll(queries: WatchedQuery[]): Map<string, string[]> {
    const untriggered =
      this.polled === undefined ? this.untriggered : new Map<string, TableWithoutTrigger[]>();
    const missing = whyWithoutTrigger([...new Set([...untriggered.values()].flat())]);
    const reasons = new Map<string, string[]>();
    for (const { name, label = name } of queries) {
      const polled = untriggered.has(name) ? missing : this.watchOf(name).polled;
      if (polled !== undefined) reasons.set(polled, [...(reasons.get(polled) ?? []), label]);
    }
    return reasons;
  }
}

/** Whether these are the queries that are watched, and no other. */
function isWatchedAlone(watches: Map<string, Watch>, queries: WatchedQuery[]): boolean {
  const names = new Set(queries.map(({ name }) => name));
  return names.size === watches.size && [...names].every((name) => watches.has(name));
}

function relationsOf(watches: Map<string, Watch>): string[] {
  return [...new Set([...watches.values()].flatMap(({ relations }) => relations))];
}

function untriggeredOf(
  watches: Map<string, Watch>,
  missing: Map<string, TableWithoutTrigger>,
): Map<string, TableWithoutTrigger[]> {
  const tables = [...watches]
    .filter(([, { polled }]) => polled === undefined)
    .map(([name, { relations }]) => [name, relations.flatMap((oid) => missing.get(oid) ?? [])] as const);
  return new Map(tables.filter(([, found]) => found.length > 0));
}

function withoutTriggers(
  watches: Map<string, Watch>,
  missing: Map<string, TableWithoutTrigger>,
  untriggered: Map<string, TableWithoutTrigger[]>,
): Map<string, Watch> {
  return new Map(
    [...watches].map(([name, { relations, polled }]) => {
      const tables = untriggered.get(name);
      return [
        name,
        {
          relations: relations.filter((oid) => !missing.has(oid)),
          polled: tables === undefined ? polled : whyWithoutTrigger(tables),
        },
      ];
    }),
  );
}
