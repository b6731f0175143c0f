import { Module } from '@nestjs/common';
import { DatasetsModule } from '../datasets/datasets.module';
import { DevicesModule } from '../devices/devices.module';
import { SourceDatabaseModule } from '../source-database/source-database.module';
import { SourceModule } from '../source/source.module';
import { DatasetsOperations } from './datasets-operations.service';
import { EnrolmentTokensController } from './enrolment-tokens.controller';
import { OperatorDatasetsController } from './operator-datasets.controller';
import { OperatorsMetrics } from './operators.metrics';

/** What an operator on central's machine may see and do. */
@Module({
  imports: [DevicesModule, SourceDatabaseModule, DatasetsModule, SourceModule],
  controllers: [OperatorDatasetsController, EnrolmentTokensController],
  providers: [DatasetsOperations, OperatorsMetrics],
})
export class OperatorsModule {}
