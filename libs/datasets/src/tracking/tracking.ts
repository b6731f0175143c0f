import type { HashFamily } from './value-buckets';

/** Which changes of a table can be a change of a query's result. */
export interface TableTracking {
  /** OID, as text. */
  table: string;
  /** With its schema, as SQL writes it. */
  name: string;
  /** A changed row counts only if it has, or had, one of the values in one of these; undefined: each change counts. */
  columns: TrackedColumn[] | undefined;
  /** Why each change counts, and what to do about it. */
  reason: string | undefined;
}

export interface TrackedColumn {
  attribute: number;
  name: string;
  family: HashFamily;
  values: TrackedValue[];
}

export interface TrackedValue {
  parameter: string;
  /** Whether its elements count. */
  isArray: boolean;
}

/** `site_id = :site`, `group_id = ANY (:group_ids)` for each of the values by which the changes of a table count. */
export function conditionsOf(columns: readonly TrackedColumn[]): string[] {
  return columns.flatMap(({ name, values }) =>
    values.map(({ parameter, isArray }) => `${name} = ${isArray ? `ANY (:${parameter})` : `:${parameter}`}`),
  );
}
