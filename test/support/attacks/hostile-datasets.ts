import { escapeIdentifier } from 'pg';
import { yamlText } from '../../../apps/datasets-cli/src/init/sql-names';
import { hostileName, plainTables, type HostileTable } from './hostile-tables';

export interface HostileDataset {
  name: string;
  table: string;
  key: string[];
  query: string;
  /** The query as somebody would ask it at central, who has no parameters. */
  asked?: string;
  indexes?: string[][];
}

const wholeTables = plainTables.map((table, index) => ({
  name: hostileName(index + 3),
  table: hostileName(index + 40),
  key: table.key,
  query: selectAll(table),
  ...(table.key.length > 1 || index % 3 === 0 ? { indexes: [table.key.toReversed(), [table.key[0]!]] } : {}),
}));

const site = '(SELECT site FROM public.devices WHERE id = 1)';
const mood = '(SELECT mood FROM public.devices WHERE id = 1)';

/** What else SQL can say. */
const queries: Record<string, Pick<HostileDataset, 'key' | 'query' | 'asked'>> = {
  'only keys': { key: ['b', 'a'], query: 'SELECT a::text, b FROM hostile.only_keys' },
  'of a site': {
    key: ['no'],
    query: 'SELECT no, body FROM hostile."part;" WHERE site = :site -- :the end',
    asked: `SELECT no, body FROM hostile."part;" WHERE site = ${site}`,
  },
  'of sites': {
    key: ['site', 'no'],
    query: 'SELECT * FROM hostile."part;" WHERE site = ANY (:sites) /* :x */; -- ;',
    asked: 'SELECT p.* FROM hostile."part;" p JOIN public.devices ON p.site = ANY (sites) WHERE id = 1',
  },
  view: { key: ['; --'], query: 'SELECT * FROM hostile."view ""1"""' },
  mood: {
    key: ['k'],
    query: `SELECT 1 AS k, :mood AS "mood:", ':mood' AS "':mood'", :mood::text || $x$ :site $x$ AS x, :site AS ":site"`,
    asked: `SELECT 1 AS k, ${mood} AS "mood:", ':mood' AS "':mood'", ${mood}::text || ' :site ' AS x, ${site} AS ":site"`,
  },
  common: {
    key: ['n', 'site'],
    query: `
      WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 4)
      SELECT n, site, count(*) AS "count(*)" FROM t JOIN hostile."part;" ON no % 4 = n - 1 GROUP BY 1, 2`,
  },
  windows: {
    key: ['site', 'no'],
    query: `
      SELECT site, no, row_number() OVER w, lag(no) OVER w AS "lag", sum(no) OVER (PARTITION BY site) AS sum
      FROM hostile."part;" WINDOW w AS (PARTITION BY site ORDER BY no)`,
  },
  sets: {
    key: ['n'],
    query: `SELECT generate_series(1, 50) AS n, 'x' AS "?column?" UNION ALL SELECT 0, regexp_split_to_table('y', ',')`,
  },
};

/** Whole tables under hostile names, and queries of every kind. */
export const hostileDatasets: HostileDataset[] = [
  ...wholeTables,
  ...Object.entries(queries).map(([name, dataset]) => ({ name, table: name, ...dataset })),
];

function selectAll({ sql, columns, more = [] }: HostileTable): string {
  const listed = [...columns.map(({ name }) => name), ...more].map(escapeIdentifier);
  return `SELECT ${listed.join(', ')} FROM ${sql}`;
}

/** In the flow style of YAML, as the queries have line ends and blanks at their ends. */
export function datasetsFile(datasets: HostileDataset[]): string {
  const lines = datasets.map(({ name, table, key, query, indexes = [] }) => {
    const fields = [
      `name: ${yamlText(name)}`,
      `table: ${yamlText(table)}`,
      `key: ${yamlList(key)}`,
      `query: ${JSON.stringify(query)}`,
      `indexes: [${indexes.map(yamlList).join(', ')}]`,
    ];
    return `  - { ${fields.join(', ')} }`;
  });
  return `version: 1
scope:
  query: SELECT id AS device_id, site, sites, mood FROM public.devices WHERE mac = :mac_address
datasets:
${lines.join('\n')}
`;
}

function yamlList(texts: string[]): string {
  return `[${texts.map(yamlText).join(', ')}]`;
}
