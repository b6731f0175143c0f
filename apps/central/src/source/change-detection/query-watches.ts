import { createHash } from 'node:crypto';
import {
  changedKeyOf,
  definitionDigest,
  readDefinitions,
  type DefinitionKeys,
  type ChangedKey,
  type Definitions,
  type TableTracking,
  type Watch,
} from '@rivulet/datasets';
import { inTransaction, ownTables, readCatalogue } from '@rivulet/postgres';
import type { DescribedColumn } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import { TRIGGER_NAMES } from './change-log/change-log-schema';
import { keysWorthNoting } from './keys-worth-noting';
import { lookAtEach, unionOf, type Look, type WatchedQuery } from './look-at-queries';
import { installTriggers, type InstalledTriggers } from './install-triggers';
import type { TableWithoutTrigger } from './tables-without-trigger';

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
  /** The keys of tables to note, by table OID. */
  private wantedKeys = new Map<string, number[]>();
  /** How often queries were looked at. */
  private looked = 0;

  constructor(private readonly leastKeyedBytes: number) {}

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

  /** By which columns the changed rows of a dataset are noted, with this key; or why they are not. */
  changedKeyOf(name: string, key: readonly DescribedColumn[]): NotedChangedKey | string {
    const look = this.looks.get(name);
    if (look === undefined) return 'nobody has looked at it yet';
    if (typeof look.rowScan === 'string') return look.rowScan;
    const changedKey = changedKeyOf(look.rowScan, key);
    if (typeof changedKey === 'string') return changedKey;
    const { table, attributes } = changedKey;
    const noted = this.notedKey(table);
    if (attributes.every((attribute) => noted.includes(attribute))) return { ...changedKey, noted };
    const isWanted = attributes.every(
      (attribute) => this.wantedKeys.get(table)?.includes(-attribute) === true,
    );
    if (!isWanted) return whySmall(this.leastKeyedBytes);
    return this.triggers.notByValue.get(table) ?? 'its triggers are being made';
  }

  /** The attributes whose texts the triggers of a table note, in the order of the notes. */
  private notedKey(table: string): number[] {
    const columns = this.triggers.columns.get(table) ?? [];
    return columns
      .filter((attribute) => attribute < 0)
      .map((attribute) => -attribute)
      .toSorted((a, b) => a - b);
  }

  /** Whether all that a query reads is still defined as it was for a look; asked on a connection of its own. */
  async isDefinedAs(client: ClientBase, name: string, definition: string): Promise<boolean> {
    const look = this.looks.get(name);
    if (look === undefined || look.definition !== definition) return false;
    const now = await readDefinitions(client, look.definitions, TRIGGER_NAMES);
    return definitionDigest(now, look.definitions) === definition;
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

  get looksMade(): number {
    return this.looked;
  }

  /** Another one whenever anything is known that was not before. */
  get state(): string {
    return this.known;
  }

  /** Looks at the queries that are new and at those of which a definition has changed, and gives tables their triggers. */
  async refresh(client: ClientBase, queries: WatchedQuery[]): Promise<void> {
    this.forgetOthers(queries);
    this.wantedKeys = await keysWorthNoting(client, queries, this.looks, this.leastKeyedBytes);
    await this.installAndRead(client);
    const refused = new Set<string>();
    for (let count = 1; count <= LOOKS; count++) {
      const pending = queries.filter(({ name }) => !this.isSettled(name) && !refused.has(name));
      if (pending.length === 0) break;
      await this.lookAt(client, pending, queries);
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

  private async lookAt(client: ClientBase, pending: WatchedQuery[], queries: WatchedQuery[]): Promise<void> {
    const earlier = this.definitions;
    const looks = await inTransaction(client, ownTables, () => lookAtEach(client, pending));
    for (const [name, look] of looks) this.looks.set(name, look);
    this.looked += 1;
    this.noteState();
    this.wantedKeys = await keysWorthNoting(client, queries, this.looks, this.leastKeyedBytes);
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
    const wanted = new Map(this.wantedKeys);
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

/** With the attributes that a note has, in its order. */
export interface NotedChangedKey extends ChangedKey {
  noted: number[];
}

function whySmall(bytes: number): string {
  return `it is smaller than ${Math.round(bytes / 1024 / 1024)} MiB, so that reading all of it is as good`;
}
