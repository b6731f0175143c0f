import { isDeepStrictEqual } from 'node:util';
import type { TableSchema } from '@rivulet/protocol';
import type { QueryTemplate } from '@rivulet/snapshot';
import type { Dataset, DatasetCatalogue } from './dataset-catalogue';

export interface ChangedDataset {
  name: string;
  /** The changed parts: `query`, `columns that are not sent`, or fields of the schema. */
  what: string[];
}

/** The differences of two catalogues, as names of datasets in the order of the file. */
export interface CatalogueChanges {
  isScopeChanged: boolean;
  added: string[];
  removed: string[];
  changed: ChangedDataset[];
}

export function compareCatalogues(before: DatasetCatalogue, after: DatasetCatalogue): CatalogueChanges {
  const old = new Map(before.datasets.map((dataset) => [dataset.schema.name, dataset]));
  const names = new Set(after.datasets.map(({ schema }) => schema.name));
  const compared = after.datasets.flatMap((dataset) => {
    const known = old.get(dataset.schema.name);
    return known === undefined ? [] : [{ name: dataset.schema.name, what: compareDatasets(known, dataset) }];
  });
  const isSameScope =
    isSameText(before.scope.query.template, after.scope.query.template) &&
    isDeepStrictEqual([...before.scope.columns], [...after.scope.columns]);
  return {
    isScopeChanged: !isSameScope,
    added: [...names].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !names.has(name)),
    changed: compared.filter(({ what }) => what.length > 0),
  };
}

export function hasChanges({ isScopeChanged, added, removed, changed }: CatalogueChanges): boolean {
  return isScopeChanged || added.length + removed.length + changed.length > 0;
}

/** `added orders; changed users (query, columns)` */
export function describeChanges({ isScopeChanged, added, removed, changed }: CatalogueChanges): string {
  const parts = [
    isScopeChanged && 'changed the scope query or its columns',
    added.length > 0 && `added ${added.join(', ')}`,
    removed.length > 0 && `removed ${removed.join(', ')}`,
    changed.length > 0 &&
      `changed ${changed.map(({ name, what }) => `${name} (${what.join(', ')})`).join(', ')}`,
  ].filter((part) => part !== false);
  return parts.join('; ') || 'no dataset changed';
}

function compareDatasets(before: Dataset, after: Dataset): string[] {
  const isSameQuery = isSameText(before.definition.query.template, after.definition.query.template);
  const isSameShape = isDeepStrictEqual(before.columns, after.columns);
  const isSameRest = isDeepStrictEqual(before.unsent, after.unsent);
  const fields = new Set([
    ...Object.keys(before.schema),
    ...Object.keys(after.schema),
  ] as (keyof TableSchema)[]);
  fields.delete('columns');
  const others = [...fields].filter((field) => !isDeepStrictEqual(before.schema[field], after.schema[field]));
  return [
    ...(isSameQuery ? [] : ['query']),
    ...(isSameShape ? [] : ['columns']),
    ...(isSameRest ? [] : ['columns that are not sent']),
    ...others,
  ];
}

function isSameText(before: QueryTemplate, after: QueryTemplate): boolean {
  return isDeepStrictEqual(before, after);
}
