import { abbreviateList } from './abbreviate-list';

/** A table that has no trigger to note its changes. */
export interface TableWithoutTrigger {
  name: string;
  /** The role of central in the source, as it stands in a statement. */
  role: string;
  /** What PostgreSQL said; undefined where it was not tried, for lack of the right. */
  failure?: string;
}

/** Why these have none, each reason once, with what mends it. */
export function whyWithoutTrigger(tables: TableWithoutTrigger[]): string {
  const forbidden = tables.filter(({ failure }) => failure === undefined);
  const failed = tables.flatMap(({ name, failure }) =>
    failure === undefined ? [] : [`the table ${name} cannot be given a trigger: ${failure}`],
  );
  return [...(forbidden.length > 0 ? [whyForbidden(forbidden)] : []), ...failed].join(', and ');
}

function whyForbidden(tables: TableWithoutTrigger[]): string {
  const { role } = tables[0]!;
  const names = abbreviateList(
    tables.map(({ name }) => name),
    ', ',
  );
  return (
    `central may not make the triggers that note changes; let the owner run: GRANT TRIGGER ON ${names} TO ${role} ` +
    '(or, where this role is to read only, db/source/install-change-log.sql with these tables)'
  );
}
