import { extensionTypes } from '@rivulet/protocol';

/**
 * The types of pg_catalog whose text form is exact and reads back as the same value on any server. Left out are
 * those that name objects of one server (regclass and its like, aclitem), places in it (tid, which VACUUM FULL
 * changes and no trigger sees), and what only the server itself writes (pg_node_tree, pg_ndistinct …). docs/types.md
 * has them all.
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

/** Those of extensions, as `extension.type`. */
export const carriedExtensionTypes = Object.entries(extensionTypes).flatMap(([extension, types]) =>
  types.map((type) => `${extension}.${type}`),
);

/** Those of all these that PostgreSQL cannot sort, and so neither index. */
export const unsortableTypes = `
  json jsonpath xml point line lseg box path polygon circle
  xid cid pg_snapshot txid_snapshot refcursor
  ltree.lquery ltree.ltxtquery
`.match(/[\w.]+/g)!;

/**
 * Sortable types that cannot be in a key all the same: in jsonb, strings come in the order of the database's own
 * collation, which central and edge need not share, and citext ignores case by it. Of the other types of extensions
 * order and equality are their version's. ltree compares bytes.
 */
export const locallySortedTypes = [
  'jsonb',
  ...carriedExtensionTypes.filter((type) => type !== 'ltree.ltree'),
];

/** Sorted by the bytes of their text, though not by a collation. */
export const byteSortedTypes = ['ltree.ltree'];

/**
 * Types with values that PostgreSQL calls equal although their texts differ: 0 and -0, 1 day and 24:00:00, and in tsquery
 * whatever differs by weights alone.
 */
export const manyTextTypes = ['float4', 'float8', 'interval', 'numrange', 'nummultirange', 'tsquery'];

/** Such types only where they have no modifiers: `numeric(10,2)` has just one text for each value. */
export const manyTextUnlessModified = ['numeric', 'bpchar'];
