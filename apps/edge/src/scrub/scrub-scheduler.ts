import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { parseSchedule } from '../schedule/schedule';
import { ScheduleEnv } from '../schedule/schedule.env';
import { ScheduledTask } from '../schedule/scheduled-task';
import { ScrubEnv } from './scrub.env';
import { ScrubService } from './scrub.service';

/** Scrubs on the schedule, if there is one. */
@Injectable()
export class ScrubScheduler implements OnApplicationBootstrap {
  private readonly task: ScheduledTask | undefined;

  constructor(env: ScrubEnv, { jitterMs }: ScheduleEnv, registry: SchedulerRegistry, scrub: ScrubService) {
    const schedule = parseSchedule(env.schedule);
    if (schedule === undefined) return;
    this.task = new ScheduledTask('scrub', schedule, jitterMs, registry, () => scrub.scrub('schedule'));
  }

  onApplicationBootstrap(): void {
    this.task?.start();
  }
}
