import { renderQuery, type Parameters, type QueryTemplate } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { DependencyWalk } from './dependency-walk';
import type { Dependencies } from './query-visit';
import type { SettingUse } from './setting-uses';
import { parseQuery } from './query-tree';
import type { DefinitionKeys } from './read-definitions';

/** The dependencies of a query's result. */
export interface Watch {
  /** OIDs of the tables, as text and in ascending order. */
  relations: string[];
  /** The definitions that decide what it reads of them; see readDefinitions(). */
  definitions: DefinitionKeys;
  /** Why it is not proved that the result stays as it is while neither is changed. */
  polled: string | undefined;
  /** Whether a row of a table becomes one value, with all columns that the table has; undefined: it is not known. */
  hasWholeRow?: boolean;
  /** The part that depends on settings of the session, which Rivulet pins; undefined: it is not known. */
  settings?: SettingUse[];
  /** How often the query names each relation, and what else names some; undefined: it is not known. */
  naming?: Naming;
}

export type Naming = Pick<Dependencies, 'references' | 'indirect'>;

/**
 * Has PostgreSQL parse a query and follows everything in it to its end: views, policies, functions with their bodies,
 * operators, types. What is not proved to be watched is polled.
 *
 * To be called in a transaction that may write, with nothing of which anything stays.
 *
 * @param walk - of one look at many queries
 * @throws what PostgreSQL refuses the query with
 */
export async function watchQuery(
  client: ClientBase,
  template: QueryTemplate,
  parameters: Parameters,
  walk: DependencyWalk,
): Promise<Watch> {
  if (walk.obstacle !== undefined) return { relations: [], definitions: new Map(), polled: walk.obstacle };
  const tree = await parseQuery(client, template, parameters);
  const text = renderQuery(template, () => 'NULL');
  const { tables, definitions, unproven, hasWholeRow, settings, references, indirect } = await walk.follow(
    tree,
    text,
  );
  const naming = { references, indirect };
  return { relations: tables, definitions, polled: unproven, hasWholeRow, settings, naming };
}
