import { RivuletError } from '@rivulet/errors';
import type { Pool } from 'pg';
import { DatasetCatalogue, didYouMean } from '@rivulet/datasets';

/** Loads a file, which must have no mistakes, with the datasets of these names; all if there are none. */
export async function loadSelectedDatasets(
  file: string,
  source: Pool,
  names: string[],
): Promise<Pick<DatasetCatalogue, 'scope' | 'datasets'>> {
  const { scope, datasets } = await DatasetCatalogue.load(file, source);
  if (names.length === 0) return { scope, datasets };
  const known = datasets.map(({ schema }) => schema.name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RivuletError(
      'REQUEST_INVALID',
      `${file} has no dataset ${unknown}${didYouMean(unknown, known) || '.'}`,
      {
        nextStep: `It has ${known.join(', ')}.`,
      },
    );
  }
  return { scope, datasets: datasets.filter(({ schema }) => names.includes(schema.name)) };
}
