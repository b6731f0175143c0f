import { Duration, EnvVariable } from '@rivulet/platform';
import { IsIn } from 'class-validator';
import type { DetectionMode } from './change-detection/change-detection';

export class SourceEnv {
  @EnvVariable(
    'CENTRAL_CHANGE_DETECTION',
    'How central learns of changes: trigger, by triggers that it installs on the tables that its datasets read; or ' +
      'poll, by reading them again after an interval.',
  )
  @IsIn(['trigger', 'poll'])
  changeDetection: DetectionMode = 'trigger';

  @EnvVariable('CENTRAL_POLL_INTERVAL', 'Maximum age of data that cannot be watched, before it is re-read.')
  @Duration({ min: '1s', max: '1d' })
  pollIntervalMs = 60_000;
}
