import { Module } from '@nestjs/common';
import { CurrentDatasets } from '../datasets/current-datasets';
import { DatasetsModule } from '../datasets/datasets.module';
import { SourceDatabase } from '../source-database/source-database';
import { SourceDatabaseModule } from '../source-database/source-database.module';
import { ChangeDetection } from './change-detection/change-detection';
import { ChangesIndicator } from './change-detection/changes.indicator';
import { SourceWatch } from './change-detection/source-watch';
import { DatasetRows } from './row-notes/dataset-rows';
import { RowNotes } from './row-notes/row-notes';
import { refuseStandby } from './refuse-standby';
import { ScopeService } from './scope/scope.service';
import { SourceEnv } from './source.env';
import { SourceMetrics } from './source.metrics';

/** Reading of the source: changes of its tables, and the scopes of devices. */
@Module({
  imports: [SourceDatabaseModule, DatasetsModule],
  providers: [
    {
      provide: ChangeDetection,
      inject: [SourceEnv, SourceDatabase],
      useFactory: detectChanges,
    },
    {
      provide: RowNotes,
      inject: [SourceEnv, SourceDatabase, CurrentDatasets],
      useFactory: ({ changeDetection }: SourceEnv, source: SourceDatabase, datasets: CurrentDatasets) =>
        new RowNotes(source, changeDetection, new DatasetRows(datasets)),
    },
    SourceWatch,
    ChangesIndicator,
    ScopeService,
    SourceMetrics,
  ],
  exports: [ChangeDetection, RowNotes, SourceWatch, ChangesIndicator, ScopeService],
})
export class SourceModule {
  static readonly environment = [SourceEnv];
  static readonly indicators = [ChangesIndicator];
}

async function detectChanges(
  { changeDetection, pollIntervalMs }: SourceEnv,
  { pool, address }: SourceDatabase,
): Promise<ChangeDetection> {
  await refuseStandby(pool, address, changeDetection);
  return new ChangeDetection(pool, changeDetection, pollIntervalMs);
}
