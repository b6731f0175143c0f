import { Module, type DynamicModule } from '@nestjs/common';
import {
  EnvironmentModule,
  HealthModule,
  type EnvClass,
  type Environment,
  type Feature,
} from '@rivulet/platform';
import { ConfigurationModule } from './configuration/configuration.module';
import { TargetsModule } from './targets/targets.module';
import { TaskModule } from './task/task.module';
import { WorkerServerEnv } from './worker-env';

const features: readonly Feature[] = [TargetsModule, ConfigurationModule, TaskModule];

/** The composition root of the worker. */
@Module({})
export class WorkerModule {
  static readonly environment: readonly EnvClass[] = [
    WorkerServerEnv,
    ...features.flatMap((feature) => feature.environment ?? []),
  ];

  static forRoot(environment: Environment): DynamicModule {
    return {
      module: WorkerModule,
      imports: [EnvironmentModule.forRoot(environment), HealthModule.register({ features })],
    };
  }
}
