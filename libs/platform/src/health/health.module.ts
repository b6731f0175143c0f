import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import type { Feature } from '../feature';
import { DrainState } from './drain-state';
import type { HealthIndicator } from './health-indicator';
import { HealthController } from './health.controller';
import { HEALTH_CHECK_TIMEOUT_MS, HEALTH_INDICATORS, HealthService } from './health.service';

export interface HealthOptions {
  /** Objects, or classes that Nest makes with what the global modules export. */
  indicators?: (HealthIndicator | Type<HealthIndicator>)[];
  /** Their own indicators follow. */
  features?: readonly Feature[];
  timeoutMs?: number;
}

@Module({})
export class HealthModule {
  static register({ indicators = [], features = [], timeoutMs = 2000 }: HealthOptions): DynamicModule {
    const classes = indicators.filter((indicator) => typeof indicator === 'function');
    const objects = indicators.filter((indicator) => typeof indicator === 'object');
    return {
      module: HealthModule,
      global: true,
      // The probe's own log line, at debug, is enough.
      imports: [TerminusModule.forRoot({ logger: false }), ...features],
      controllers: [HealthController],
      providers: [
        DrainState,
        HealthService,
        ...classes,
        { provide: HEALTH_CHECK_TIMEOUT_MS, useValue: timeoutMs },
        {
          provide: HEALTH_INDICATORS,
          inject: [...classes, ...features.flatMap((feature) => feature.indicators ?? [])],
          useFactory: (...made: HealthIndicator[]) => [...objects, ...made],
        },
      ],
      exports: [DrainState],
    };
  }
}
