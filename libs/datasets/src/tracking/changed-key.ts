import type { DescribedColumn } from '@rivulet/snapshot';
import { KEY_TYPES } from './key-facts';
import type { RowScan } from './row-scan';

/** By which columns of its table the changed rows of a dataset are told: those of its key, in their order. */
export interface ChangedKey {
  /** OID, as text. */
  table: string;
  tableName: string;
  attributes: number[];
  /** The names of these columns in the dataset. */
  names: string[];
}

/** @returns why the key of a dataset does not tell its changed rows, and what to do about it */
export function changedKeyOf(scan: RowScan, key: readonly DescribedColumn[]): ChangedKey | string {
  const attributes: number[] = [];
  for (const { name, castTo, equalInManyTexts, sourceType } of key) {
    const column = scan.columns.get(name);
    if (column === undefined || castTo !== undefined) {
      return `${name} of its key is not a column of ${scan.tableName} as it is`;
    }
    if (!KEY_TYPES.includes(column.type) || equalInManyTexts) {
      return `keys of type ${sourceType} are not noted; use an integer, numeric(p,s), uuid, boolean, text, date or timestamp`;
    }
    attributes.push(column.attribute);
  }
  if (new Set(attributes).size < attributes.length) return 'its key has a column of the table twice';
  const isOrdered = scan.indexes.some((index) =>
    attributes.every(
      (attribute, place) => index.attributes[place] === attribute && index.isBytewise[place] === true,
    ),
  );
  if (!isOrdered) return `no index has the rows in the order of the key; ${indexFor(scan, key)}`;
  return { table: scan.table, tableName: scan.tableName, attributes, names: key.map(({ name }) => name) };
}

function indexFor({ tableName }: RowScan, key: readonly DescribedColumn[]): string {
  const columns = key.map(({ name, collatable }) => (collatable ? `${name} COLLATE "C"` : name));
  return `CREATE INDEX ON ${tableName} (${columns.join(', ')})`;
}
