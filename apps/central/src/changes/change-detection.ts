import { Injectable, Logger } from '@nestjs/common';
import {
  endsSession,
  inTransaction,
  isPostgresError,
  lockForTransaction,
  withClient,
} from '@rivulet/postgres';
import type { Parameters, QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import { ChangeLog, type Versions } from './change-log';
import { createSchema, INSTALLATION_LOCK, installChangeLog, isInstalled } from './change-log-schema';
import { readDefinitions, recordDefinitions } from './definitions';
import { installTriggers } from './install-triggers';
import { watchQuery, type Watch } from './watch-query';

export type { Versions } from './change-log';

/** A query of the datasets file, under the name by which its watch is asked for. */
export interface WatchedQuery {
  name: string;
  template: QueryTemplate;
  /** Names and types. */
  parameters: Parameters;
}

export type DetectionMode = 'trigger' | 'poll';

const LIMITS = { statementTimeoutMs: 30_000, lockTimeoutMs: 5_000, idleTimeoutMs: 30_000 };
const READING = { ...LIMITS, readOnly: true };
const INSUFFICIENT_PRIVILEGE = '42501';
const NONE = { versions: new Map<string, string>(), pending: new Set<string>() };

/** Knows what the queries of the datasets file depend on, and whether any of that has changed. */
@Injectable()
export class ChangeDetection {
  private readonly logger = new Logger('Changes');
  private readonly log: ChangeLog;
  private watches = new Map<string, Watch>();
  /** Of the watches; undefined when it is not certain that these belong together. */
  private definitions: string | undefined;
  private reported = '';
  /** Why nothing is watched at all. */
  private polled: string | undefined = 'central has not looked at the source yet';

  constructor(
    private readonly source: Pool,
    private readonly mode: DetectionMode,
    readonly pollIntervalMs: number,
  ) {
    this.log = new ChangeLog(source);
  }

  /** Versions of the watched tables as of a moment after the call; the same object while nothing has changed. */
  async versions(): Promise<Versions> {
    return this.polled === undefined ? this.log.versions() : NONE.versions;
  }

  /** See ChangeLog.versionsAt. */
  async versionsAt(client: ClientBase): Promise<{ versions: Versions; pending: ReadonlySet<string> }> {
    return this.polled === undefined ? this.log.versionsAt(client) : NONE;
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
    this.polled = await this.reasonToPoll();
    if (this.polled === undefined) {
      await this.watch(queries);
      // The log does not grow while no device asks.
      await this.log.versions();
    }
    this.report(queries);
  }

  /** Undefined when the change log is there. */
  private async reasonToPoll(): Promise<string | undefined> {
    if (this.mode === 'poll') return 'CENTRAL_CHANGE_DETECTION is poll';
    return withClient(this.source, async (client) => {
      const { rows } = await client.query<{
        isStandby: boolean;
        isInstalled: boolean;
        hasSchema: boolean;
      }>(
        `SELECT pg_is_in_recovery() AS "isStandby", (${isInstalled}) AS "isInstalled",
                to_regnamespace('rivulet') IS NOT NULL AS "hasSchema"`,
      );
      if (rows[0]!.isStandby) return 'the source is a standby, which takes no triggers';
      if (rows[0]!.isInstalled) return undefined;
      try {
        await inTransaction(client, LIMITS, async () => {
          await lockForTransaction(client, INSTALLATION_LOCK);
          if (!rows[0]!.hasSchema) await client.query(createSchema);
          await client.query(installChangeLog);
        });
        return undefined;
      } catch (error) {
        if (!isPostgresError(error) || error.code !== INSUFFICIENT_PRIVILEGE) throw error;
        return (
          `the schema "rivulet" cannot be made in the source: ${error.message}; ` +
          'GRANT CREATE ON the DATABASE, or set CENTRAL_CHANGE_DETECTION=poll'
        );
      }
    });
  }

  private async watch(queries: WatchedQuery[]): Promise<void> {
    await withClient(this.source, async (client) => {
      const known = relationsOf(this.watches);
      const isComplete = queries.every(({ name }) => this.watches.has(name));
      const before = await inTransaction(client, READING, () => readDefinitions(client, known));
      if (isComplete && before.hash === this.definitions) return;

      const { watches, refused } = await inTransaction(client, READING, () => this.lookAt(client, queries));
      const relations = relationsOf(watches);
      const missing = await installTriggers(client, relations);
      const after = await inTransaction(client, LIMITS, async () => {
        const definitions = await readDefinitions(client, relations);
        await recordDefinitions(client, definitions);
        return definitions;
      });
      this.watches = withoutTriggers(watches, missing);
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
        if (!isPostgresError(error) || endsSession(error)) throw error;
        refused = true;
        watches.set(name, { relations: [], polled: `PostgreSQL refuses it: ${error.message}` });
      }
    }
    return { watches, refused };
  }

  /** Says what is not watched, each time that this is something else. */
  private report(queries: WatchedQuery[]): void {
    const lines = queries.flatMap(({ name }) => {
      const { polled } = this.watchOf(name);
      return polled === undefined ? [] : [`${name}: ${polled}`];
    });
    const text = lines.join('; ');
    if (text === this.reported) return;
    this.reported = text;
    if (lines.length === 0) this.logger.log('Every change of the tables that the datasets read is noticed');
    else if (this.mode === 'poll')
      this.logger.log(`Everything is read again every ${this.pollIntervalMs} ms`);
    else {
      this.logger.warn(
        `Not every change is noticed, so that this is read again after ${this.pollIntervalMs} ms at most: ${text}`,
      );
    }
  }
}

function relationsOf(watches: Map<string, Watch>): string[] {
  return [...new Set([...watches.values()].flatMap(({ relations }) => relations))];
}

function withoutTriggers(watches: Map<string, Watch>, missing: Map<string, string>): Map<string, Watch> {
  return new Map(
    [...watches].map(([name, watch]) => {
      const relation = watch.relations.find((oid) => missing.has(oid));
      if (relation === undefined) return [name, watch];
      const polled = watch.polled ?? missing.get(relation)!;
      return [name, { relations: watch.relations.filter((oid) => !missing.has(oid)), polled }];
    }),
  );
}
