import { Module } from '@nestjs/common';
import { ScheduleModule as NestScheduleModule } from '@nestjs/schedule';
import { ScheduleEnv } from './schedule.env';

/** Timers for scheduled tasks, which end with the app. */
@Module({ imports: [NestScheduleModule.forRoot()] })
export class ScheduleModule {
  static readonly environment = [ScheduleEnv];
}
