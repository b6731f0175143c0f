import { hash } from 'node:crypto';

/** A version for each watched table, by OID. Two equal versions stand for equal content. */
export class Versions {
  static readonly none = new Versions({});

  /** Equal for two moments between which no watched table has changed. */
  readonly id: string;
  private readonly byTable: ReadonlyMap<string, string>;

  /** @param versions by OID; objects list keys that are numbers in ascending order */
  constructor(versions: Record<string, string>) {
    this.id = hash('sha256', JSON.stringify(versions));
    this.byTable = new Map(Object.entries(versions));
  }

  get size(): number {
    return this.byTable.size;
  }

  get(table: string): string | undefined {
    return this.byTable.get(table);
  }
}
