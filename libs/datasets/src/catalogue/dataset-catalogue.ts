import { schemaVersion } from '@rivulet/protocol';
import type { Pool } from 'pg';
import type { DatasetsFile } from '../file/datasets-file';
import { queryIdOf, SCOPE_PARAMETERS, type Dataset, type ScopeDefinition } from './describe-datasets';
import { describeDatasetsFile, examineDatasetsFile, type ExaminedFile } from './examine-datasets-file';

export {
  SCOPE_ACTIVE_COLUMN,
  SCOPE_DEVICE_COLUMN,
  type Dataset,
  type ScopeDefinition,
} from './describe-datasets';

/** The datasets file, with its queries described by PostgreSQL. Immutable: see CurrentDatasets. */
export class DatasetCatalogue {
  readonly schemaVersion: string;
  readonly scopeQueryId: string;

  private constructor(
    private readonly file: DatasetsFile,
    readonly scope: ScopeDefinition,
    readonly datasets: Dataset[],
  ) {
    this.scopeQueryId = queryIdOf(scope.query.template, SCOPE_PARAMETERS);
    this.schemaVersion = schemaVersion(datasets.map((dataset) => dataset.schema));
  }

  /**
   * Reads the file and has the source database describe its queries.
   *
   * @throws RivuletError DATASETS_FILE_INVALID with one line for each mistake · DATABASE_UNAVAILABLE when PostgreSQL
   *   cannot describe them at the moment
   */
  static async load(path: string, source: Pool): Promise<DatasetCatalogue> {
    return DatasetCatalogue.of(await examineDatasetsFile(path, source));
  }

  /** The same file, described by the current schema of the source. @throws as load */
  async redescribe(source: Pool): Promise<DatasetCatalogue> {
    return DatasetCatalogue.of(await describeDatasetsFile(this.file, source));
  }

  private static of({ file, scope, datasets, problems }: ExaminedFile): DatasetCatalogue {
    problems.throwIfAny();
    return new DatasetCatalogue(file, scope!, datasets);
  }
}
