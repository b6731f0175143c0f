import { Module, type DynamicModule, type ModuleMetadata, type Type } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DrainState } from './drain-state';
import type { HealthIndicator } from './health-indicator';
import { HealthController } from './health.controller';
import { HEALTH_CHECK_TIMEOUT_MS, HEALTH_INDICATORS, HealthService } from './health.service';

export interface HealthOptions {
  /** Objects, or classes that Nest makes with what `imports` and the global modules export. */
  indicators: (HealthIndicator | Type<HealthIndicator>)[];
  imports?: ModuleMetadata['imports'];
  timeoutMs?: number;
}

@Module({})
export class HealthModule {
  static register({ indicators, imports = [], timeoutMs = 2000 }: HealthOptions): DynamicModule {
    const classes = indicators.filter((indicator) => typeof indicator === 'function');
    const objects = indicators.filter((indicator) => typeof indicator === 'object');
    return {
      module: HealthModule,
      global: true,
      // The probe's own log line, at debug, is enough.
      imports: [TerminusModule.forRoot({ logger: false }), ...imports],
      controllers: [HealthController],
      providers: [
        DrainState,
        HealthService,
        ...classes,
        { provide: HEALTH_CHECK_TIMEOUT_MS, useValue: timeoutMs },
        {
          provide: HEALTH_INDICATORS,
          inject: classes,
          useFactory: (...made: HealthIndicator[]) => [...objects, ...made],
        },
      ],
      exports: [DrainState],
    };
  }
}
