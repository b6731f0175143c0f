import { isInterruption, isPostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import {
  readFunctions,
  readOperators,
  readRelations,
  readTypes,
  type FunctionFacts,
  type OperatorFacts,
  type RelationFacts,
  type TypeFacts,
} from './dependency-catalogue';
import { whyUnprovenBody } from './function-body';
import { isReadAlike, judgeFunction, whyUnprovenText } from './judge-definitions';
import { movingWord } from './moving-words';
import { Visit, type Dependencies } from './query-visit';
import { literalsOf } from './sql-literals';
import { parseNodeTree, type TreeValue } from './node-tree';
import { relationReferences } from './relation-references';
import { parseBody } from './query-tree';
import { usesOfCall } from './setting-uses';
import { readTreeFacts, type TreeFacts } from './tree-facts';
import { whyBlind } from './why-blind';

/**
 * Follows what parsed queries name: views, functions, operators, types, policies, to the rows of the catalogues. Facts
 * are kept, so that one walk serves many queries; it must not outlive a look, as definitions change.
 */
export class DependencyWalk {
  private readonly functions = new Map<string, FunctionFacts>();
  private readonly types = new Map<string, TypeFacts>();
  private readonly relations = new Map<string, RelationFacts>();
  private readonly operators = new Map<string, OperatorFacts>();
  private readonly bodies = new Map<string, TreeFacts | string>();

  private constructor(
    private readonly client: ClientBase,
    /** Why nothing can be found out here. */
    readonly obstacle: string | undefined,
  ) {}

  /** To be called in a transaction that may write. */
  static async begin(client: ClientBase): Promise<DependencyWalk> {
    // The statements of a walk are prepared; to plan them for each query takes longer than to run them.
    await client.query(`SELECT set_config('plan_cache_mode', 'force_generic_plan', true)`);
    return new DependencyWalk(client, await whyBlind(client));
  }

  async follow(tree: string, sql: string): Promise<Dependencies> {
    const visit = new Visit();
    const nodes = parseNodeTree(tree);
    visit.read({ facts: readTreeFacts(nodes), literals: literalsOf(sql) });
    while (visit.hasMore) {
      await this.visitRelations(visit, visit.take('relations'));
      await this.visitMembers(visit, visit.take('members'));
      await this.visitOperators(visit, visit.take('operators'));
      await this.visitFunctions(visit, visit.take('functions'));
      await this.visitTypes(visit, visit.take('types'));
    }
    await this.findSettings(visit);
    return {
      ...visit.result(),
      references: relationReferences(nodes, (oid) => this.ruleOf(oid)),
      indirect: this.withRules(visit.indirect),
    };
  }

  private ruleOf(oid: string): TreeValue[] | undefined {
    const rule = this.relations.get(oid)?.rule ?? undefined;
    return rule === undefined ? undefined : parseNodeTree(rule);
  }

  /** With what the views among them read. */
  private withRules(oids: ReadonlySet<string>): Set<string> {
    const all = [...oids];
    for (const oid of all) {
      const rule = this.ruleOf(oid);
      const named = rule === undefined ? [] : readTreeFacts(rule).relations;
      for (const relation of named) if (!all.includes(relation)) all.push(relation);
    }
    return new Set(all);
  }

  /** When everything is known that is called. */
  private async findSettings(visit: Visit): Promise<void> {
    for (const [oid, calls] of visit.calls) {
      const facts = this.functions.get(oid);
      if (facts === undefined) continue;
      const cast = visit.castOf.get(oid);
      if (cast !== undefined) await load(this.types, [cast], (missing) => readTypes(this.client, missing));
      const castTo = cast === undefined ? undefined : this.types.get(cast)?.name;
      visit.settings.push(...usesOfCall(facts, calls, visit.operatorOf.get(oid), castTo));
    }
  }

  private async visitRelations(visit: Visit, oids: string[]): Promise<void> {
    await load(this.relations, oids, (missing) => readRelations(this.client, missing));
    for (const facts of factsOf(this.relations, oids, visit)) {
      visit.add('members', [facts.oid, ...facts.family]);
      visit.add('types', facts.types);
      visit.readStored(facts.trees);
      if (facts.rule !== null) visit.read({ facts: readTreeFacts(parseNodeTree(facts.rule)), literals: [] });
    }
  }

  /** Visits the partitions and parents of named relations; their own partitions and parents are not watched. */
  private async visitMembers(visit: Visit, oids: string[]): Promise<void> {
    await load(this.relations, oids, (missing) => readRelations(this.client, missing));
    for (const { oid, kind, obstacle } of factsOf(this.relations, oids, visit)) {
      visit.define('class', oid);
      if (obstacle !== null) visit.refuse(`it reads ${obstacle}`);
      else if (kind !== 'v') visit.tables.add(oid);
    }
  }

  private async visitOperators(visit: Visit, oids: string[]): Promise<void> {
    await load(this.operators, oids, (missing) => readOperators(this.client, missing));
    for (const facts of factsOf(this.operators, oids, visit)) {
      visit.define('operator', facts.oid);
      visit.operatorOf.set(facts.function, facts.name);
      visit.add('functions', [facts.function]);
    }
  }

  private async visitFunctions(visit: Visit, oids: string[]): Promise<void> {
    await load(this.functions, oids, (missing) => readFunctions(this.client, missing));
    for (const facts of factsOf(this.functions, oids, visit)) {
      visit.define('proc', facts.oid);
      visit.add('functions', facts.parts);
      visit.readStored(facts.trees);
      const moving = facts.initialTexts.find((text) => movingWord(text) !== undefined);
      if (moving !== undefined) visit.refuse(`the aggregate ${facts.name}() begins with '${moving}'`);
      await this.visitBody(visit, facts);
    }
  }

  private async visitBody(visit: Visit, facts: FunctionFacts): Promise<void> {
    const verdict = judgeFunction(facts);
    if (verdict === 'unproven') visit.refuse(await this.callOf(visit, facts));
    else if (verdict === 'read') {
      const body = await this.bodyOf(facts);
      if (typeof body === 'string') visit.refuse(`${await this.callOf(visit, facts)}, ${body}`);
      else visit.readIndirect({ facts: body, literals: literalsOf(facts.source) });
    } else if (verdict === 'look') {
      // What it is given and gives back may be read from a text, of which nothing in the body tells.
      visit.add('types', facts.types);
      for (const type of facts.types) visit.readFromText.add(type);
      const reason = await whyUnprovenBody(this.client, facts);
      if (reason !== undefined) visit.refuse(`${await this.callOf(visit, facts)}, ${reason}`);
    }
  }

  /** The tree of a function whose text PostgreSQL parses at each call, or why it has none. */
  private async bodyOf(facts: FunctionFacts): Promise<TreeFacts | string> {
    const known = this.bodies.get(facts.oid);
    if (known !== undefined) return known;
    const body = await this.parse(facts);
    this.bodies.set(facts.oid, body);
    return body;
  }

  private async parse({ arguments: signature, result, source }: FunctionFacts): Promise<TreeFacts | string> {
    try {
      return readTreeFacts(parseNodeTree(await parseBody(this.client, signature, result, source)));
    } catch (error) {
      if (!isPostgresError(error) || isInterruption(error)) throw error;
      return 'whose text cannot be looked into';
    }
  }

  /** `it calls hidden()`, by the way in which the query does. */
  private async callOf(visit: Visit, { oid, name }: FunctionFacts): Promise<string> {
    const operator = visit.operatorOf.get(oid);
    if (operator !== undefined) return `it uses the operator ${operator}, which calls ${name}()`;
    const cast = visit.castOf.get(oid);
    if (cast === undefined) return `it calls ${name}()`;
    await load(this.types, [cast], (missing) => readTypes(this.client, missing));
    return `it casts to ${this.types.get(cast)?.name ?? cast}, which calls ${name}()`;
  }

  private async visitTypes(visit: Visit, oids: string[]): Promise<void> {
    await load(this.types, oids, (missing) => readTypes(this.client, missing));
    for (const facts of factsOf(this.types, oids, visit)) {
      visit.define('type', facts.oid);
      visit.add('types', facts.parts);
      visit.readStored(facts.trees);
      const reason = whyUnprovenText(facts);
      if (reason !== undefined) visit.refuse(reason);
    }
    await this.visitReadFromText(visit);
  }

  /** A value read from a text may be `now`, also as an element or attribute. */
  private async visitReadFromText(visit: Visit): Promise<void> {
    const pending = [...visit.readFromText];
    for (const oid of pending) {
      await load(this.types, [oid], (missing) => readTypes(this.client, missing));
      const facts = this.types.get(oid);
      if (facts === undefined) continue;
      if (!isReadAlike(facts))
        visit.refuse(`it reads texts as ${facts.name}, whose meaning can depend on the moment`);
      for (const part of facts.parts) if (!pending.includes(part)) pending.push(part);
    }
  }
}

async function load<Facts extends { oid: string }>(
  known: Map<string, Facts>,
  oids: string[],
  read: (missing: string[]) => Promise<Facts[]>,
): Promise<void> {
  const missing = oids.filter((oid) => !known.has(oid));
  for (const facts of await read(missing)) known.set(facts.oid, facts);
}

/** An object that is gone by now was dropped during the look. */
function* factsOf<Facts>(known: Map<string, Facts>, oids: string[], visit: Visit): Generator<Facts, void> {
  for (const oid of oids) {
    const facts = known.get(oid);
    if (facts === undefined) visit.refuse('something that it uses is being dropped');
    else yield facts;
  }
}
