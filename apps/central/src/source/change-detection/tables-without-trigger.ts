import { fitList } from './abbreviate-list';
import { enableAlways } from './change-log/change-log-schema';

/** A table whose changes are not all noted. */
export interface TableWithoutTrigger {
  oid: string;
  name: string;
  /** The role of central in the source, as it stands in a statement. */
  role: string;
  /**
   * `forbidden`: central may not make a trigger · `not-always`: it has one, which does not fire for writers with
   * session_replication_role = replica, and the owner alone can change that · `failed`: PostgreSQL refused it
   */
  problem: 'forbidden' | 'not-always' | 'failed';
  /** PostgreSQL's message. */
  failure?: string;
}

/** Why changes of these are not all noted, each reason once, with its cure; undefined without any. */
export function whyWithoutTrigger(tables: TableWithoutTrigger[]): string | undefined {
  const having = (problem: TableWithoutTrigger['problem']): TableWithoutTrigger[] =>
    tables.filter((table) => table.problem === problem);
  const reasons = [
    ...whyForbidden(having('forbidden')),
    ...whyNotAlways(having('not-always')),
    ...having('failed').map(({ name, failure }) => `the table ${name} cannot be given a trigger: ${failure}`),
  ];
  return reasons.length === 0 ? undefined : reasons.join(', and ');
}

function whyForbidden(tables: TableWithoutTrigger[]): string[] {
  if (tables.length === 0) return [];
  const { text, left } = fitList(
    tables.map(({ name }) => name),
    ', ',
  );
  return [
    `central may not make the triggers that note changes; let the owner run: GRANT TRIGGER ON ${text} TO ` +
      `${tables[0]!.role}${andTheOthers(left)} (or, where this role is to read only, ` +
      'db/source/install-change-log.sql with these tables)',
  ];
}

/** The statement before it is complete, for fewer tables. */
function andTheOthers(left: number): string {
  if (left === 0) return '';
  const tables = left === 1 ? '1 more table needs' : `${left} more tables need`;
  return `; ${tables} the same, which GET /api/operators/datasets names for each dataset`;
}

function whyNotAlways(tables: TableWithoutTrigger[]): string[] {
  if (tables.length === 0) return [];
  const { text, left } = fitList(
    tables.map(({ name }) => enableAlways(name)),
    '; ',
  );
  return [
    'sessions with session_replication_role = replica change them without being noticed; let the owner run: ' +
      text +
      andTheOthers(left),
  ];
}
