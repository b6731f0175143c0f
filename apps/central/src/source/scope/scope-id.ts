import { hash } from 'node:crypto';
import type { DatasetCatalogue, Scope } from '@rivulet/datasets';

/** A hash of all that decides what a device is sent, but for the content of the tables. Lower-case hex. */
export function scopeIdOf(
  { deviceId, macAddress, parameters }: Scope,
  {
    schemaVersion,
    scopeQueryId,
    datasets,
  }: Pick<DatasetCatalogue, 'schemaVersion' | 'scopeQueryId' | 'datasets'>,
): string {
  const queries = [scopeQueryId, ...datasets.map(({ queryId }) => queryId)];
  const values = [...parameters].map(([name, { type, value }]) => [name, type, value]);
  return hash('sha256', JSON.stringify([schemaVersion, queries, deviceId, macAddress, values]));
}
