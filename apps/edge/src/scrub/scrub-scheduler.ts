import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { EdgeEnv } from '../edge-env';
import { parseSchedule } from '../schedule/schedule';
import { ScheduledTask } from '../schedule/scheduled-task';
import { ScrubService } from './scrub.service';

/** Scrubs by the schedule, if there is one. */
@Injectable()
export class ScrubScheduler implements OnApplicationBootstrap {
  private readonly task: ScheduledTask | undefined;

  constructor(env: EdgeEnv, registry: SchedulerRegistry, scrub: ScrubService) {
    const schedule = parseSchedule(env.verifySchedule);
    if (schedule === undefined) return;
    this.task = new ScheduledTask('scrub', schedule, env.syncJitterMs, registry, () =>
      scrub.scrub('schedule'),
    );
  }

  onApplicationBootstrap(): void {
    this.task?.start();
  }
}
