import type { Parameters } from '@rivulet/snapshot';
import type { TableTracking, Watch } from '@rivulet/datasets';
import { replaced, withoutRowsOfUpdate } from './wrong-triggers';

/** A mistake in narrowing, made on purpose at one place, to see that the histories find it. */
export interface NarrowingFault {
  mistake: string;
  /** In what a query is known to depend on. */
  watch?: (watch: Watch) => Watch;
  /** In the text of the query that is planned. */
  planned?: (query: string) => string;
  /** In the filter of a scan, as PostgreSQL prints it. */
  filter?: (filter: string) => string;
  /** In what a query is tracked by. */
  tracking?: (tracking: TableTracking[]) => TableTracking[];
  /** In the values whose versions are looked up. */
  parameters?: (parameters: Parameters) => Parameters;
  /** In the versions that a query depends on. */
  keys?: (keys: string[]) => string[];
  /** In the trigger function of a table. */
  trigger?: (body: string) => string;
  /** Reads although it sees changes that no version stands for. */
  ignoresPending?: true;
  /** Takes the scope for that of the rows although these show a change of it that no version stands for. */
  ignoresPendingScope?: true;
}

export const narrowingFaults: NarrowingFault[] = [
  { mistake: 'the old values of updated rows are forgotten', trigger: withoutRowsOfUpdate('old_rows') },
  { mistake: 'the new values of updated rows are forgotten', trigger: withoutRowsOfUpdate('new_rows') },
  {
    mistake: 'more values than are noted do not count as the whole table',
    trigger: (body) => replaced(body, 'LIMIT 1001)', 'LIMIT 101)'),
  },
  {
    mistake: 'TRUNCATE is not noted',
    trigger: (body) =>
      replaced(body, '\nBEGIN\n', `\nBEGIN\nIF TG_OP = 'TRUNCATE' THEN RETURN NULL; END IF;\n`),
  },
  {
    mistake: 'changes of a whole table count only for queries that read all of it',
    keys: (keys) => keys.filter((key) => !key.endsWith(':0')),
  },
  {
    mistake: 'only the first element of an array counts',
    parameters: (parameters) =>
      new Map(
        [...parameters].map(([name, { type, value }]) => [
          name,
          { type, value: value?.startsWith('{') === true ? value.replace(/,.*/, '}') : value },
        ]),
      ),
  },
  { mistake: 'OR is taken for AND', filter: (filter) => filter.replaceAll(' OR ', ' AND ') },
  { mistake: '<> is taken for =', filter: (filter) => filter.replaceAll(' <> ', ' = ') },
  { mistake: '>= is taken for =', filter: (filter) => filter.replaceAll(' >= ', ' = ') },
  {
    mistake: 'NULL is taken for different from NULL',
    filter: (filter) => filter.replaceAll(/\(NOT \((\S+) IS DISTINCT FROM (\S+)\)\)/g, '($1 = $2)'),
  },
  {
    mistake: 'the outer side of a join is narrowed',
    planned: (query) => query.replace('LEFT JOIN', 'JOIN'),
  },
  {
    mistake: 'what functions read is not counted',
    watch: (watch) => ({ ...watch, naming: { ...watch.naming!, indirect: new Set() } }),
  },
  {
    mistake: 'other names of columns are taken for those of the table',
    watch: ({ naming, ...watch }) => {
      const references = { ...naming!.references, renamed: new Set<string>() };
      return { ...watch, naming: { ...naming!, references } };
    },
  },
  {
    mistake: 'only one of the columns by which a table is read counts',
    tracking: (tracking) =>
      tracking.map((table) => ({ ...table, columns: table.columns && table.columns.slice(0, 1) })),
  },
  {
    mistake: 'statements that name a partition, a child or a parent are not noticed',
    watch: ({ relations, ...watch }) => {
      const { all, only } = watch.naming!.references;
      return { ...watch, relations: relations.filter((oid) => all.has(oid) || only.has(oid)) };
    },
  },
  { mistake: 'what is committed late counts as read', ignoresPending: true },
  {
    mistake: 'the scope of before a change is taken for that of the rows after it',
    ignoresPendingScope: true,
  },
];
