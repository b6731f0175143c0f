import type { Type } from '@nestjs/common';
import type { MigrationInterface } from 'typeorm';
import type { EnvClass } from './environment/env-variable';
import type { HealthIndicator } from './health/health-indicator';

/** The class of a feature module: what the feature brings to the app besides its providers and routes. */
export interface Feature extends Type<object> {
  /** Its sections of the environment. */
  readonly environment?: readonly EnvClass[];
  readonly entities?: readonly Type<object>[];
  readonly migrations?: readonly Type<MigrationInterface>[];
  /** Providers of the module, which exports them. */
  readonly indicators?: readonly Type<HealthIndicator>[];
}
