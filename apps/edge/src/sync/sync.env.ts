import { Duration, EnvVariable } from '@rivulet/platform';
import { IsOptional, IsString } from 'class-validator';
import { IsSchedule } from '../schedule/schedule';

export class SyncEnv {
  @EnvVariable('EDGE_SYNC_SCHEDULE', 'How often to sync: an interval such as 5m, or a cron expression (UTC).')
  @IsSchedule()
  schedule = '5m';

  @EnvVariable('EDGE_FIRST_SYNC_DELAY', 'Maximum random delay of the first sync after the start.')
  @Duration({ max: '1h' })
  firstDelayMs = 2_000;

  @EnvVariable(
    'EDGE_STALE_AFTER',
    'Allowed age of the rows: when central has not confirmed them for longer, the edge says that they are stale. auto: three scheduled intervals, at least 10 minutes.',
  )
  @Duration({ min: '1s', off: 'auto' })
  staleAfterMs = 0;

  @EnvVariable(
    'EDGE_FORMER_MAC_ADDRESS',
    'MAC address that this device had before. Set it for one start after the address has changed, so that the device keeps its database.',
  )
  @IsOptional()
  @IsString()
  formerMacAddress: string | undefined = undefined;
}
