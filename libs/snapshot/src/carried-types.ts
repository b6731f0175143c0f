/**
 * The types of pg_catalog whose text form is exact and reads back as the same value on any server. Left out are
 * those that name objects of one server (regclass and its like, aclitem) or places in it (tid, xid, cid).
 */
export const carriedTypes = `
  bool int2 int4 int8 float4 float8 numeric money oid
  text varchar bpchar char name bytea bit varbit uuid
  date time timetz timestamp timestamptz interval
  json jsonb jsonpath xml tsvector tsquery
  inet cidr macaddr macaddr8 pg_lsn
  point line lseg box path polygon circle
  int4range int8range numrange tsrange tstzrange daterange
  int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange
`.match(/\w+/g)!;
