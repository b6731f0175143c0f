/** A change of a value, or of a whole table, that has been given a version. */
export interface ValueChange {
  relation: string;
  value: number;
  version: bigint;
}

const BUCKETS = 65_536;
const PAGE = 256;

/** The versions of one column, by bucket, in pages that are shared until one of them changes. 0 stands for none. */
type Column = readonly (BigInt64Array | undefined)[];

/** A version for each value of which a change has been noted. Immutable; takes at most half a MiB a column. */
export class ValueVersions {
  static readonly none = new ValueVersions(new Map());

  /** Columns by table and attribute; those of the attribute 0 have but the whole table, as bucket 0. */
  private constructor(private readonly columns: ReadonlyMap<string, Column>) {}

  get(relation: string, value: number): bigint | undefined {
    const bucket = value % BUCKETS;
    const page = this.columns.get(columnKey(relation, value))?.[Math.floor(bucket / PAGE)];
    return page?.[bucket % PAGE] || undefined;
  }

  with(changes: readonly ValueChange[]): ValueVersions {
    if (changes.length === 0) return this;
    const columns = new Map<string, Column>(this.columns);
    const own = new Set<BigInt64Array>();
    for (const { relation, value, version } of changes) {
      // A change of rows with NULL concerns nobody who asks for a value.
      if (value < 0) continue;
      const key = columnKey(relation, value);
      const known = columns.get(key) ?? [];
      const bucket = value % BUCKETS;
      const place = Math.floor(bucket / PAGE);
      let page = known[place];
      if (page === undefined || !own.has(page)) {
        page = page === undefined ? new BigInt64Array(PAGE) : page.slice();
        own.add(page);
        const pages = [...known];
        pages[place] = page;
        columns.set(key, pages);
      }
      page[bucket % PAGE] = version;
    }
    return new ValueVersions(columns);
  }
}

function columnKey(relation: string, value: number): string {
  return `${relation}.${Math.floor(value / BUCKETS)}`;
}
