import type { Randomness } from './random-source';

interface Parts {
  from: string;
  condition: string;
  other: string;
  second: string;
}

/** Where rows come from, as x with the columns id, site, owner and amount. */
const sources: ((random: Randomness) => string)[] = [
  () => 'a x',
  () => 'b x',
  () => 'ONLY c x',
  () => 'c x',
  () => '(SELECT id, site, owner, amount + 1 AS amount FROM a) x',
  () => '(SELECT id, owner AS site, site AS owner, amount FROM b) x',
  () =>
    '(SELECT max(id) AS id, site, max(owner::text) AS owner, count(*)::int AS amount FROM a GROUP BY site) x',
  () => '(SELECT * FROM b ORDER BY id, amount LIMIT 7) x',
  () => '(SELECT id, site, owner, amount FROM a UNION ALL SELECT id, site, owner, amount FROM b) x',
  () => '(SELECT id, site, owner, amount FROM a EXCEPT SELECT id, owner, site, amount FROM c) x',
  () => '(SELECT DISTINCT ON (site) id, site, owner, amount FROM b ORDER BY site, id, amount) x',
  () =>
    '(SELECT id, site, owner, row_number() OVER (PARTITION BY site ORDER BY id, amount)::int AS amount FROM c) x',
  () => '(SELECT id, site, owner, count(*) OVER ()::int AS amount FROM c) x',
  () => '(SELECT id, site, who AS owner, amount FROM shown) x',
  () => '(SELECT id, site, site AS owner, amount FROM barred) x',
];

/** On the rows of one source. */
const conditions: ((alias: string) => string)[] = [
  (x) => `${x}.site = :site`,
  (x) => `:site = ${x}.site AND ${x}.amount > 0`,
  (x) => `${x}.site = ANY (:sites)`,
  (x) => `${x}.site IN (:site, :site)`,
  (x) => `${x}.site = :site AND ${x}.amount = :kind`,
  (x) => `(${x}.site = :site OR ${x}.amount = 3)`,
  (x) => `(${x}.site = :site) IS NOT TRUE`,
  (x) => `NOT (${x}.site = :site)`,
  (x) => `${x}.site >= :site`,
  (x) => `${x}.site IS NOT DISTINCT FROM :site`,
  (x) => `${x}.site <> ALL (:sites)`,
  (x) => `CASE WHEN ${x}.amount > 2 THEN ${x}.site = :site ELSE true END`,
  (x) => `coalesce(${x}.site, :site) = :site`,
  (x) => `${x}.amount = :kind`,
  () => 'true',
];

const shapes: ((parts: Parts) => string)[] = [
  ({ from, condition }) => `SELECT x.id, x.amount FROM ${from} WHERE ${condition}`,
  ({ from, condition, other, second }) =>
    `SELECT x.id, y.amount FROM ${from} JOIN ${other} y ON y.site = x.site WHERE ${condition} AND ${second}`,
  ({ from, condition, other }) =>
    `SELECT x.id, y.amount FROM ${from} JOIN ${other} y ON y.site = x.site WHERE ${condition}`,
  ({ from, condition, other, second }) =>
    `SELECT x.id, y.amount FROM ${from} LEFT JOIN ${other} y ON y.id = x.id AND ${second} WHERE ${condition}`,
  ({ from, condition, other, second }) =>
    `SELECT x.id, y.amount FROM ${from} LEFT JOIN ${other} y ON y.id = x.id AND ${condition} WHERE ${second.replaceAll('y.', 'x.')}`,
  ({ from, condition, other }) =>
    `SELECT x.id, y.amount FROM ${from} FULL JOIN ${other} y ON y.id = x.id AND y.site = x.site WHERE ${condition}`,
  ({ from, condition, other, second }) =>
    `SELECT x.id, x.amount FROM ${from} WHERE ${condition} AND EXISTS (SELECT FROM ${other} y WHERE y.id = x.id AND ${second})`,
  ({ from, condition, other, second }) =>
    `SELECT x.id, x.amount FROM ${from} WHERE ${condition} AND NOT EXISTS (SELECT FROM ${other} y WHERE y.amount = x.amount AND ${second})`,
  ({ from, condition, other, second }) =>
    `SELECT x.id, (SELECT count(*) FROM ${other} y WHERE y.site = x.site AND ${second})::int AS amount FROM ${from} WHERE ${condition}`,
  ({ from, condition, other, second }) =>
    `WITH w AS (SELECT y.id, y.amount, y.site FROM ${other} y WHERE ${second}) SELECT x.id, w.amount FROM ${from}, w JOIN w v ON v.id = w.id WHERE w.site = x.site AND ${condition}`,
  ({ from, condition, other }) =>
    `SELECT x.id, l.amount FROM ${from} CROSS JOIN LATERAL (SELECT sum(y.amount)::int AS amount FROM ${other} y WHERE y.owner = x.site) l WHERE ${condition}`,
];

/** Those that no history leaves out: each is read wrongly by one mistake in narrowing. */
export const fixedQueries = [
  'SELECT x.id, x.amount FROM a x WHERE x.site = :site',
  'SELECT x.id, x.amount FROM b x WHERE x.site = ANY (:sites)',
  'SELECT x.id, x.amount FROM a x WHERE x.site = :site OR (x.amount = 3 AND x.owner = :site)',
  'SELECT x.id, y.amount FROM a x LEFT JOIN b y ON y.id = x.id AND x.site = :site',
  'SELECT x.id, (SELECT count(*) FROM amounts(x.site))::int AS amount FROM a x WHERE x.site = :site AND EXISTS (SELECT FROM amounts(x.owner))',
  'SELECT x.id, hidden(x.site)::int AS amount FROM c x WHERE x.site = :site',
  'SELECT 1 AS id, amount FROM renamed WHERE site = :site',
  'SELECT x.id, x.amount FROM c x WHERE x.site = :site UNION ALL SELECT x.id, x.amount FROM c x WHERE x.owner = :site',
  'SELECT x.id, x.amount FROM b x WHERE NOT (x.site = :site)',
  'SELECT x.id, x.amount FROM b x WHERE x.site IS NOT DISTINCT FROM :site',
  'SELECT x.id, x.amount FROM a x WHERE x.site >= :site',
  'SELECT x.id, x.amount FROM c x LEFT JOIN (SELECT DISTINCT id FROM c) y ON y.id = x.id WHERE x.site = :site',
];

/** A query of any shape over the tables a, b and c, read by the parameters of a device. */
export function randomQuery(random: Randomness): string {
  const from = random.pick(sources)(random);
  const condition = random.pick(conditions)('x');
  const other = random.pick(['b', 'c', 'ONLY c', 'a']);
  return random.pick(shapes)({ from, condition, other, second: random.pick(conditions)('y') });
}
