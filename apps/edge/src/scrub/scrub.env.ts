import { EnvVariable, Flag } from '@rivulet/platform';
import { IsSchedule } from '../schedule/schedule';

export class ScrubEnv {
  @EnvVariable(
    'EDGE_SCRUB_SCHEDULE',
    'How often to read all mirrors and compare them with what was applied: an interval, a cron expression (UTC), or off.',
  )
  @IsSchedule({ orOff: true })
  schedule = '0 3 * * *';

  @EnvVariable(
    'EDGE_SCRUB_REPAIR',
    'Whether a scrub fetches rows that differ again. Without it the scrub only reports them.',
  )
  @Flag()
  repair = true;
}
