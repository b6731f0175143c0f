import { Module } from '@nestjs/common';
import { ConfigurationModule } from '../configuration/configuration.module';
import { TargetsModule } from '../targets/targets.module';
import { RunTask } from './run-task';
import { TaskController } from './task.controller';
import { TaskEnv } from './task.env';
import { TaskMetrics } from './task.metrics';

/** The task of the worker. */
@Module({
  imports: [ConfigurationModule, TargetsModule],
  controllers: [TaskController],
  providers: [RunTask, TaskMetrics],
})
export class TaskModule {
  static readonly environment = [TaskEnv];
}
