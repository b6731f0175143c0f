import { createHash } from 'node:crypto';
import {
  definitionDigest,
  DependencyWalk,
  readDefinitions,
  trackQuery,
  watchQuery,
  type DefinitionKeys,
  type DefinitionKind,
  type Definitions,
  type TableTracking,
  type Watch,
} from '@rivulet/datasets';
import {
  isInterruption,
  inTransaction,
  inUndoneSavepoint,
  isPostgresError,
  ownTables,
  readCatalogue,
} from '@rivulet/postgres';
import type { Parameters, QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { TRIGGER_NAMES } from './change-log/change-log-schema';
import { installTriggers, type InstalledTriggers } from './install-triggers';
import type { TableWithoutTrigger } from './tables-without-trigger';

/** A query of the datasets file, under the name by which its watch is asked for. */
export interface WatchedQuery {
  name: string;
  /** For messages, where the name is not fit for them. */
  label?: string;
  template: QueryTemplate;
  /** Names and types. */
  parameters: Parameters;
}

/** What a query depends on, and how that was defined when it was found out. */
interface Look extends Watch {
  tracking: TableTracking[];
  /** Undefined while it is not certain that the rest fits any definition. */
  definition: string | undefined;
  isRefused: boolean;
}

/** A definition that others change meanwhile makes a look worthless; so many are made at a time. */
const LOOKS = 3;

/**
 * What the queries of the datasets file depend on. A look is worth something when all that it found was defined in the
 * same way before it and after it.
 */
export class QueryWatches {
  private looks = new Map<string, Look>();
  private definitions: Definitions = new Map();
  private triggers: InstalledTriggers = { missing: new Map(), columns: new Map(), notByValue: new Map() };
  private known = '';

  get(name: string): Watch & { definition: string } {
    const look = this.looks.get(name);
    if (look === undefined) {
      return { relations: [], definitions: new Map(), definition: '', polled: 'nobody has looked at it yet' };
    }
    const { relations, definitions, definition = '' } = look;
    const polled = look.polled ?? (definition === '' ? 'what it reads is being changed' : undefined);
    return {
      relations: relations.filter((oid) => !this.triggers.missing.has(oid)),
      definitions,
      polled,
      definition,
    };
  }

  /** The tables of a query whose changes are not noted. */
  withoutTrigger(name: string): TableWithoutTrigger[] {
    return (this.looks.get(name)?.relations ?? []).flatMap((oid) => this.triggers.missing.get(oid) ?? []);
  }

  /** Which changes of its tables count for a query, as far as these are noted. */
  trackingOf(name: string): TableTracking[] {
    const { columns: noted, notByValue } = this.triggers;
    return (this.looks.get(name)?.tracking ?? []).map((tracking) => {
      const { table, columns } = tracking;
      if (columns?.every(({ attribute }) => noted.get(table)?.includes(attribute) === true) !== false)
        return tracking;
      return {
        ...tracking,
        columns: undefined,
        reason: notByValue.get(table) ?? 'its triggers are being made',
      };
    });
  }

  /** One text for how everything is defined that any of the queries reads. */
  get definition(): string {
    return definitionDigest(this.definitions, this.keys);
  }

  /** How each table is defined that a query reads. */
  get tableDefinitions(): { oid: string; hash: string }[] {
    return this.relations.flatMap((oid) => {
      const hash = this.definitions.get(`class:${oid}`);
      return hash === undefined ? [] : [{ oid, hash }];
    });
  }

  get watchedRelations(): string[] {
    return this.relations.filter((oid) => !this.triggers.missing.has(oid));
  }

  /** Another one whenever anything is known that was not before. */
  get state(): string {
    return this.known;
  }

  /** Looks at the queries that are new and at those of which a definition has changed, and gives tables their triggers. */
  async refresh(client: ClientBase, queries: WatchedQuery[]): Promise<void> {
    this.forgetOthers(queries);
    await this.installAndRead(client);
    const refused = new Set<string>();
    for (let count = 1; count <= LOOKS; count++) {
      const pending = queries.filter(({ name }) => !this.isSettled(name) && !refused.has(name));
      if (pending.length === 0) break;
      await this.lookAt(client, pending);
      for (const { name } of pending) if (this.looks.get(name)!.isRefused) refused.add(name);
    }
  }

  private forgetOthers(queries: WatchedQuery[]): void {
    const names = new Set(queries.map(({ name }) => name));
    for (const name of this.looks.keys()) if (!names.has(name)) this.looks.delete(name);
    this.noteState();
  }

  private isSettled(name: string): boolean {
    const look = this.looks.get(name);
    if (look?.definition === undefined || look.isRefused) return false;
    return look.definition === definitionDigest(this.definitions, look.definitions);
  }

  private async lookAt(client: ClientBase, queries: WatchedQuery[]): Promise<void> {
    const earlier = this.definitions;
    const looks = await inTransaction(client, ownTables, () => lookAtEach(client, queries));
    for (const [name, look] of looks) this.looks.set(name, look);
    this.noteState();
    await this.installAndRead(client);
    for (const [, look] of looks) {
      const now = definitionDigest(this.definitions, look.definitions);
      if (now === definitionDigest(earlier, look.definitions)) look.definition = now;
    }
    this.noteState();
  }

  private async installAndRead(client: ClientBase): Promise<void> {
    this.triggers = await installTriggers(client, this.relations, this.wantedColumns);
    this.definitions = await inTransaction(client, readCatalogue, () =>
      readDefinitions(client, this.keys, TRIGGER_NAMES),
    );
    this.noteState();
  }

  /** Kept, as every request asks for it. */
  private noteState(): void {
    const looks = [...this.looks].map(([name, { definition, tracking }]) => [name, definition, tracking]);
    const { missing, columns } = this.triggers;
    const text = JSON.stringify([looks, this.definition, [...missing.keys()], [...columns]]);
    this.known = createHash('sha256').update(text).digest('hex');
  }

  private get wantedColumns(): Map<string, number[]> {
    const wanted = new Map<string, number[]>();
    for (const { table, columns = [] } of [...this.looks.values()].flatMap(({ tracking }) => tracking)) {
      const known = wanted.get(table) ?? [];
      wanted.set(table, [...new Set([...known, ...columns.map(({ attribute }) => attribute)])]);
    }
    return wanted;
  }

  private get relations(): string[] {
    return [...new Set([...this.looks.values()].flatMap(({ relations }) => relations))];
  }

  private get keys(): DefinitionKeys {
    return unionOf([...this.looks.values()]);
  }
}

async function lookAtEach(client: ClientBase, queries: WatchedQuery[]): Promise<[string, Look][]> {
  const walk = await DependencyWalk.begin(client);
  const looks: [string, Look][] = [];
  for (const query of queries) looks.push([query.name, await lookAtOne(client, query, walk)]);
  return looks;
}

/** The other queries are still worth watching when PostgreSQL refuses one. */
async function lookAtOne(
  client: ClientBase,
  { template, parameters }: WatchedQuery,
  walk: DependencyWalk,
): Promise<Look> {
  try {
    const watch = await inUndoneSavepoint(client, () => watchQuery(client, template, parameters, walk));
    const tracking = watch.polled === undefined ? await trackQuery(client, template, parameters, watch) : [];
    return { ...watch, tracking, definition: undefined, isRefused: false };
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    const polled = `PostgreSQL refuses it: ${error.message}`;
    return {
      relations: [],
      definitions: new Map(),
      tracking: [],
      definition: undefined,
      polled,
      isRefused: true,
    };
  }
}

function unionOf(watches: Watch[]): DefinitionKeys {
  const union = new Map<DefinitionKind, Set<string>>();
  for (const { definitions } of watches) {
    for (const [kind, oids] of definitions) {
      const known = union.get(kind) ?? new Set<string>();
      for (const oid of oids) known.add(oid);
      union.set(kind, known);
    }
  }
  return union;
}
