import { extensionTypes } from '@rivulet/protocol';

/**
 * The types of pg_catalog whose text form is exact and reads back as the same value on any server. Not included: types
 * that refer to objects of one server (regclass and the like, aclitem) or positions in it (tid, which VACUUM FULL
 * changes without firing triggers), and types that only the server writes (pg_node_tree, pg_ndistinct …). docs/types.md
 * lists them all.
 */
export const carriedTypes = `
  bool int2 int4 int8 float4 float8 numeric money oid
  text varchar bpchar char name bytea bit varbit uuid
  date time timetz timestamp timestamptz interval
  json jsonb jsonpath xml tsvector tsquery
  inet cidr macaddr macaddr8
  pg_lsn xid xid8 cid pg_snapshot txid_snapshot refcursor
  point line lseg box path polygon circle
  int4range int8range numrange tsrange tstzrange daterange
  int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange
`.match(/\w+/g)!;

/** Supported types of extensions, as `extension.type`. */
export const carriedExtensionTypes = Object.entries(extensionTypes).flatMap(([extension, types]) =>
  types.map((type) => `${extension}.${type}`),
);

/** Supported types that PostgreSQL cannot sort and therefore cannot index. */
export const unsortableTypes = `
  json jsonpath xml point line lseg box path polygon circle
  xid cid pg_snapshot txid_snapshot refcursor
  ltree.lquery ltree.ltxtquery
`.match(/[\w.]+/g)!;

/**
 * Sortable types that cannot be in a key: jsonb sorts strings, and citext folds case, by the database's collation, which
 * may differ between central and edge. Order and equality of other extensions' types may depend on the extension's
 * version, except for ltree, which compares bytes.
 */
export const locallySortedTypes = [
  'jsonb',
  ...carriedExtensionTypes.filter((type) => type !== 'ltree.ltree'),
];

/** Types without a collation that are sorted by the bytes of their text. */
export const byteSortedTypes = ['ltree.ltree'];

/**
 * Types with equal values that have different texts: 0 and -0, 1 day and 24:00:00, and tsquery values that differ only in
 * weights.
 */
export const manyTextTypes = ['float4', 'float8', 'interval', 'numrange', 'nummultirange', 'tsquery'];

/** The same, but only without modifiers: `numeric(10,2)` has one text for each value. */
export const manyTextUnlessModified = ['numeric', 'bpchar'];
