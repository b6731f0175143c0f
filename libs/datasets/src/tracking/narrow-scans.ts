import type { Parameters, QueryTemplate } from '@rivulet/snapshot';
import type { Naming } from '../watch/watch-query';
import { canCompare } from './comparable-types';
import { FIRST_PARAMETER, parameterNames, type RelationScan } from './generic-plan';
import { scanConditions, type ParameterValueOf, type ScanCondition } from './scan-conditions';
import type { ColumnFacts, TableFacts } from './table-facts';
import type { TableTracking, TrackedColumn, TrackedValue } from './tracking';

interface Given {
  template: QueryTemplate;
  parameters: Parameters;
  naming: Naming;
  tables: ReadonlyMap<string, TableFacts>;
  scans: RelationScan[];
  canCompareTexts: boolean;
}

/** A column of a scan, with what it must be equal to. */
interface Narrowing {
  column: string;
  values: TrackedValue[];
}

/** Thrown where each change of a table counts. */
class EachChangeCounts extends Error {}

/** Says of each table whether all scans of it, and of what inherits from it, return only rows with given values. */
export class NarrowScans {
  private readonly names: string[];
  private readonly indirect: ReadonlySet<string>;

  constructor(private readonly given: Given) {
    this.names = parameterNames(given.template);
    const named = [...given.naming.indirect].flatMap((oid) => this.withDescendants(oid));
    this.indirect = new Set(named);
  }

  trackingOf(table: string): TableTracking {
    const name = this.given.tables.get(table)?.name ?? table;
    try {
      return { table, name, columns: this.columnsOf(table), reason: undefined };
    } catch (error) {
      if (!(error instanceof EachChangeCounts)) throw error;
      return { table, name, columns: undefined, reason: error.message };
    }
  }

  /** A statement that names this table can change the rows of all that inherits from it. */
  private columnsOf(table: string): TrackedColumn[] {
    const facts = this.given.tables.get(table);
    if (facts === undefined) throw new EachChangeCounts('it is being dropped');
    const members = this.withDescendants(table);
    if (members.some((oid) => this.indirect.has(oid))) {
      throw new EachChangeCounts(
        'a function, a policy or a type names it, too; read it in the query itself, or in a view',
      );
    }
    const scanned = members.filter(
      (oid) => this.given.tables.get(oid)?.hasRows !== false && this.scansWanted(oid) > 0,
    );
    if (scanned.length === 0)
      throw new EachChangeCounts('the plan of the query does not show how it is read');
    const narrowings = scanned.flatMap((oid) => this.narrowingsOf(oid));
    return merge(narrowings.map(({ column, values }) => toTracked(facts, column, values)));
  }

  private withDescendants(table: string): string[] {
    const members = [table];
    for (const member of members) {
      for (const child of this.given.tables.get(member)?.children ?? []) {
        if (!members.includes(child)) members.push(child);
      }
    }
    return members;
  }

  /** How often the plan must scan a table, if it leaves no mention of it out. */
  private scansWanted(table: string): number {
    const { all, only } = this.given.naming.references;
    const inherited = [...all].filter(([oid]) => this.withDescendants(oid).includes(table));
    return inherited.reduce((sum, [, count]) => sum + count, only.get(table) ?? 0);
  }

  /** One for each scan. */
  private narrowingsOf(table: string): Narrowing[] {
    const facts = this.given.tables.get(table);
    const scans = this.given.scans.filter(({ relation }) => relation === table);
    const { renamed, mayRepeat } = this.given.naming.references;
    const wanted = this.scansWanted(table);
    if (facts === undefined || scans.length !== wanted) {
      throw new EachChangeCounts('the plan of the query does not show each place where it is read');
    }
    // One place that is planned twice could stand for another that is left out.
    if (mayRepeat && wanted > 1) {
      throw new EachChangeCounts(
        'it is read in several places, and a subquery in the list of what a subquery returns can be planned twice; ' +
          'join it instead',
      );
    }
    if ([...renamed].some((oid) => this.withDescendants(oid).includes(table))) {
      throw new EachChangeCounts('the query gives its columns other names; use those that the table has');
    }
    return scans.map((scan) => this.narrowingOf(scan, facts));
  }

  private narrowingOf({ isPlain, filter, alias }: RelationScan, facts: TableFacts): Narrowing {
    const conditions = isPlain ? scanConditions(filter, alias) : [];
    const fit = conditions.flatMap((condition) => this.fittingOf(condition, facts) ?? []);
    const best = fit.toSorted((a, b) => rank(b) - rank(a))[0];
    if (best !== undefined) return best.narrowing;
    const [unfit] = conditions.flatMap(
      ({ column }) => facts.columns.find(({ name }) => name === column) ?? [],
    );
    if (unfit === undefined) {
      throw new EachChangeCounts(
        'no condition of the form "column = :parameter" or "column = ANY (:parameter)" holds for all of its rows that ' +
          'the query reads',
      );
    }
    throw new EachChangeCounts(
      `its column ${unfit.name} of type ${unfit.typeName} is compared with a parameter in a way in which equal values can ` +
        'look different; use an integer, uuid, boolean, text or varchar for both, and a deterministic collation',
    );
  }

  private fittingOf(
    condition: ScanCondition,
    facts: TableFacts,
  ): { narrowing: Narrowing; column: ColumnFacts; isArray: boolean } | undefined {
    const column = facts.columns.find(({ name }) => name === condition.column);
    if (
      column === undefined ||
      !condition.values.every((value) => this.isComparable(condition, column, value))
    ) {
      return undefined;
    }
    const values = condition.values.map(({ number, isArray }) => {
      return { parameter: this.names[number - FIRST_PARAMETER]!, isArray };
    });
    const isArray = values.length > 1 || values[0]!.isArray;
    return { narrowing: { column: column.name, values }, column, isArray };
  }

  private isComparable({ columnCast }: ScanCondition, column: ColumnFacts, value: ParameterValueOf): boolean {
    const name = this.names[value.number - FIRST_PARAMETER];
    if (name === undefined) return false;
    const { type } = this.given.parameters.get(name)!;
    return canCompare({ column, columnCast, parameterType: type, value }, this.given.canCompareTexts);
  }
}

/** One value is better than a list, and a later column of a table is usually the narrower one. Equal for all processes. */
function rank({ column, isArray }: { column: ColumnFacts; isArray: boolean }): number {
  return column.attribute + (isArray ? 0 : 10_000);
}

/** The column of this name in a table from which the scanned one inherits, or that is the same. */
function toTracked({ columns }: TableFacts, name: string, values: TrackedValue[]): TrackedColumn {
  const column = columns.find((candidate) => candidate.name === name);
  if (column?.family === undefined) {
    throw new EachChangeCounts(
      `it has no column ${name} of its own, and a statement can name it for rows that have`,
    );
  }
  return { attribute: column.attribute, name, family: column.family, values };
}

function merge(columns: TrackedColumn[]): TrackedColumn[] {
  const byAttribute = new Map<number, TrackedColumn>();
  for (const column of columns) {
    const known = byAttribute.get(column.attribute);
    const values = [...(known?.values ?? []), ...column.values];
    const unique = values.filter(
      ({ parameter, isArray }, place) =>
        values.findIndex((other) => other.parameter === parameter && other.isArray === isArray) === place,
    );
    byAttribute.set(column.attribute, { ...column, values: unique });
  }
  return [...byAttribute.values()].toSorted((a, b) => a.attribute - b.attribute);
}
