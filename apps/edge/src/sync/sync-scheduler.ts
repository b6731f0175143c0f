import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { EdgeEnv } from '../edge-env';
import { parseSchedule } from '../schedule/schedule';
import { ScheduledTask } from '../schedule/scheduled-task';
import { SyncService } from './sync.service';

/** Starts a cycle soon after the start of the app, and then by the schedule. */
@Injectable()
export class SyncScheduler implements OnApplicationBootstrap {
  private readonly task: ScheduledTask;

  constructor(
    private readonly env: EdgeEnv,
    registry: SchedulerRegistry,
    sync: SyncService,
  ) {
    const schedule = parseSchedule(env.syncSchedule)!;
    this.task = new ScheduledTask('sync', schedule, env.syncJitterMs, registry, (occasion) =>
      sync.sync(occasion),
    );
  }

  /** When the next scheduled cycle starts, by this machine's clock. */
  get nextRunAt(): Date | undefined {
    return this.task.nextRunAt;
  }

  onApplicationBootstrap(): void {
    this.task.start(this.env.firstSyncDelayMs);
  }
}
