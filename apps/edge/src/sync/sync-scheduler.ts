import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { parseSchedule } from '../schedule/schedule';
import { ScheduleEnv } from '../schedule/schedule.env';
import { ScheduledTask } from '../schedule/scheduled-task';
import { SyncEnv } from './sync.env';
import { SyncService } from './sync.service';

/** Starts a cycle soon after the start of the app, and then on the schedule. */
@Injectable()
export class SyncScheduler implements OnApplicationBootstrap {
  private readonly task: ScheduledTask;

  constructor(
    private readonly env: SyncEnv,
    { jitterMs }: ScheduleEnv,
    registry: SchedulerRegistry,
    sync: SyncService,
  ) {
    const schedule = parseSchedule(env.schedule)!;
    this.task = new ScheduledTask('sync', schedule, jitterMs, registry, (occasion) => sync.sync(occasion));
  }

  /** When the next scheduled cycle starts, by this machine's clock. */
  get nextRunAt(): Date | undefined {
    return this.task.nextRunAt;
  }

  onApplicationBootstrap(): void {
    this.task.start(this.env.firstDelayMs);
  }
}
