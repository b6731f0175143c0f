/** Something that a query reads, and a change of it that writes to no table. */
export interface CatalogueChange {
  what: string;
  setUp?: string;
  query: string;
  change: string;
  /** Undoes what would block a change of the database in another transaction. */
  undo?: string;
}

export const SIMPLE = 'SELECT id, name FROM users';

/** A change that can be made in a catalogue, or why no change of it matters. */
export type CatalogueChanges = Record<string, CatalogueChange[] | string>;
