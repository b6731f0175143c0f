import { schemaVersion } from '@rivulet/protocol';
import type { Pool } from 'pg';
import type { Dataset, ScopeDefinition } from './describe-datasets';
import { examineDatasetsFile } from './examine-datasets-file';

export {
  SCOPE_ACTIVE_COLUMN,
  SCOPE_DEVICE_COLUMN,
  SCOPE_PARAMETER,
  type Dataset,
  type ScopeDefinition,
} from './describe-datasets';

/** What the datasets file says, with what PostgreSQL says of its queries. */
export class DatasetCatalogue {
  readonly schemaVersion: string;

  constructor(
    readonly scope: ScopeDefinition,
    readonly datasets: Dataset[],
  ) {
    this.schemaVersion = schemaVersion(datasets.map((dataset) => dataset.schema));
  }

  /**
   * Reads the file and has the source database describe its queries.
   *
   * @throws RivuletError DATASETS_FILE_INVALID with one line for each mistake
   */
  static async load(path: string, source: Pool): Promise<DatasetCatalogue> {
    const { scope, datasets, problems } = await examineDatasetsFile(path, source);
    problems.throwIfAny();
    return new DatasetCatalogue(scope!, datasets);
  }
}
