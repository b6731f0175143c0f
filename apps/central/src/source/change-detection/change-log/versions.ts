import { hash } from 'node:crypto';
import { ValueVersions } from './value-versions';

/**
 * A version for each watched table, by OID, and for values of their columns. Equal versions stand for equal content.
 *
 * Keys: `16384` is all of a table; `16384:0` what concerns it as a whole, such as TRUNCATE; `16384:131077` the rows that
 * have, or had, the value with this note.
 */
export class Versions {
  static readonly none = new Versions({});

  private readonly byTable: ReadonlyMap<string, string>;

  /**
   * @param tables by OID; objects list keys that are numbers in ascending order
   * @param id equal for two moments between which no watched table has changed
   */
  constructor(
    tables: Record<string, string>,
    readonly values = ValueVersions.none,
    readonly id = hash('sha256', JSON.stringify(tables)),
  ) {
    this.byTable = new Map(Object.entries(tables));
  }

  get size(): number {
    return this.byTable.size;
  }

  get(key: string): string | undefined {
    const colon = key.indexOf(':');
    if (colon === -1) return this.byTable.get(key);
    const relation = key.slice(0, colon);
    const value = Number(key.slice(colon + 1));
    const version = this.values.get(relation, value)?.toString();
    return value === 0 ? version : (version ?? 'unchanged');
  }
}
