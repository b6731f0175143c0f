import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CreateBusTables1795766400000 } from '../../../../db/central/migrations/1795766400000-create-bus-tables';
import { BusOptions } from './bus-options';
import { BusEnv } from './bus.env';
import { BusIndicator } from './bus.indicator';
import { BusMetrics } from './bus.metrics';
import { CentralBus } from './central-bus';

/** The bus between the processes of central. */
@Module({
  providers: [
    {
      provide: CentralBus,
      // Takes the connected DataSource, so that it comes after the migrations.
      inject: [BusOptions, BusMetrics, DataSource],
      useFactory: (options: BusOptions, metrics: BusMetrics) => CentralBus.open(options, metrics),
    },
    BusMetrics,
    BusIndicator,
  ],
  exports: [CentralBus, BusIndicator],
})
export class BusModule {
  static readonly environment = [BusEnv];
  static readonly indicators = [BusIndicator];
  static readonly migrations = [CreateBusTables1795766400000];
}
