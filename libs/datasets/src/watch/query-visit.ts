import { movingWord } from './moving-words';
import { parseNodeTree } from './node-tree';
import type { References } from './relation-references';
import type { CallFacts, SettingUse } from './setting-uses';
import { readTreeFacts, type TreeFacts } from './tree-facts';

/** A kind of catalogue rows, and an OID. What {@link readDefinitions} reads. */
export type DefinitionKind = 'class' | 'proc' | 'type' | 'operator' | 'collation' | 'textsearch';

/** All that a query's result depends on, followed to its ends. */
export interface Dependencies {
  /** OIDs of tables, as text and in ascending order, with their partitions, children and parents. */
  tables: string[];
  definitions: ReadonlyMap<DefinitionKind, ReadonlySet<string>>;
  /** Why the result can change with none of these being written or defined in another way; undefined: it cannot. */
  unproven: string | undefined;
  /** Whether a row of a table becomes one value, with all columns that the table has. */
  hasWholeRow: boolean;
  /** The part that depends on settings of the session. */
  settings: SettingUse[];
  /** How often the query names each relation, with its views opened. */
  references: References;
  /** Relations that something else names: a function, a policy, a type. */
  indirect: ReadonlySet<string>;
}

/** Texts whose literals PostgreSQL reads again each time. */
interface ReadText {
  facts: TreeFacts;
  literals: string[];
}

type Pending = 'relations' | 'members' | 'functions' | 'operators' | 'types';

/** The dependencies found so far of one query. */
export class Visit {
  readonly tables = new Set<string>();
  readonly operatorOf = new Map<string, string>();
  readonly castOf = new Map<string, string>();
  readonly readFromText = new Set<string>();
  readonly indirect = new Set<string>();
  private readonly seen: Record<Pending, Set<string>> = {
    relations: new Set(),
    members: new Set(),
    functions: new Set(),
    operators: new Set(),
    types: new Set(),
  };
  private pending: Record<Pending, string[]> = {
    relations: [],
    members: [],
    functions: [],
    operators: [],
    types: [],
  };
  private readonly definitions = new Map<DefinitionKind, Set<string>>();
  private unproven: string | undefined;
  private hasWholeRow = false;
  readonly settings: SettingUse[] = [];
  readonly calls = new Map<string, CallFacts[]>();

  get hasMore(): boolean {
    return Object.values(this.pending).some((oids) => oids.length > 0);
  }

  take(kind: Pending): string[] {
    return this.pending[kind].splice(0);
  }

  add(kind: Pending, oids: Iterable<string>): void {
    for (const oid of oids) {
      if (this.seen[kind].has(oid)) continue;
      this.seen[kind].add(oid);
      this.pending[kind].push(oid);
    }
  }

  define(kind: DefinitionKind, oid: string): void {
    const known = this.definitions.get(kind) ?? new Set();
    this.definitions.set(kind, known.add(oid));
  }

  /** The first reason counts. */
  refuse(reason: string): void {
    this.unproven ??= reason;
  }

  read({ facts, literals }: ReadText): void {
    if (facts.obstacle !== undefined) this.refuse(facts.obstacle);
    this.hasWholeRow ||= facts.hasWholeRow;
    this.settings.push(...facts.settings);
    for (const [oid, calls] of facts.calls) this.calls.set(oid, [...(this.calls.get(oid) ?? []), ...calls]);
    const literal = movingLiteral(literals, facts.texts);
    if (literal !== undefined) this.refuse(`it asks for '${literal}'`);
    for (const [oid, type] of facts.casts) this.castOf.set(oid, type);
    for (const oid of facts.readFromText) this.readFromText.add(oid);
    for (const oid of facts.collations) this.define('collation', oid);
    for (const oid of facts.textSearch) this.define('textsearch', oid);
    for (const kind of ['relations', 'functions', 'operators', 'types'] as const) this.add(kind, facts[kind]);
  }

  /** Dependencies that neither the query itself states, nor a view. */
  readIndirect(text: ReadText): void {
    for (const oid of text.facts.relations) this.indirect.add(oid);
    this.read(text);
  }

  /** Trees that the catalogues hold: their literals were read when they were made. */
  readStored(trees: string[]): void {
    for (const tree of trees) this.readIndirect({ facts: readTreeFacts(parseNodeTree(tree)), literals: [] });
  }

  result(): Omit<Dependencies, 'references' | 'indirect'> {
    const tables = [...this.tables].toSorted((a, b) => Number(a) - Number(b));
    const { definitions, unproven, hasWholeRow, settings } = this;
    const told = new Map(settings.map((use) => [`${use.setting} ${use.what}`, use]));
    return { tables, definitions, unproven, hasWholeRow, settings: [...told.values()] };
  }
}

/** A literal with such a word that is not kept as a text: then PostgreSQL has read it as a moment of now. */
function movingLiteral(literals: string[], texts: ReadonlyMap<string, number>): string | undefined {
  const suspects = literals.filter((literal) => movingWord(literal) !== undefined);
  return suspects.find((literal) => {
    const written = suspects.filter((other) => other === literal).length;
    return (texts.get(literal) ?? 0) < written;
  });
}
