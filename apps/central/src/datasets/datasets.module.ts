import { Logger, Module } from '@nestjs/common';
import { SourceDatabase } from '../source-database/source-database';
import { SourceDatabaseModule } from '../source-database/source-database.module';
import { CurrentDatasets } from './current-datasets';
import { DatasetsEnv } from './datasets.env';
import { DatasetsIndicator } from './datasets.indicator';
import { DatasetsMetrics } from './datasets.metrics';

/** The datasets that the datasets file makes of the source. */
@Module({
  imports: [SourceDatabaseModule],
  providers: [
    {
      provide: CurrentDatasets,
      inject: [DatasetsEnv, SourceDatabase, DatasetsMetrics],
      useFactory: loadDatasets,
    },
    DatasetsIndicator,
    DatasetsMetrics,
  ],
  exports: [CurrentDatasets, DatasetsIndicator],
})
export class DatasetsModule {
  static readonly environment = [DatasetsEnv];
  static readonly indicators = [DatasetsIndicator];
}

async function loadDatasets(
  { datasetsFile }: DatasetsEnv,
  source: SourceDatabase,
  metrics: DatasetsMetrics,
): Promise<CurrentDatasets> {
  const datasets = await CurrentDatasets.load(datasetsFile, source, metrics);
  const names = datasets.catalogue.datasets.map(({ schema }) => schema.name);
  new Logger('Datasets').log(`${datasetsFile} defines ${names.join(', ')}, read from ${source.address}`);
  return datasets;
}
