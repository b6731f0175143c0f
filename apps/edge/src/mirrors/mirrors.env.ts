import { Duration, EnvVariable } from '@rivulet/platform';
import { IsIn } from 'class-validator';
import { verifyModes, type VerifyMode } from './prove-table';
import { applyModes, type ApplyMode } from './plan-tables';

export class MirrorsEnv {
  @EnvVariable(
    'EDGE_APPLY_MODE',
    'auto: change the rows that differ; load only a mirror without rows. truncate: empty and load every table that differs.',
  )
  @IsIn(applyModes)
  applyMode: ApplyMode = 'auto';

  @EnvVariable(
    'EDGE_VERIFY',
    'How much of a mirror is read back after its rows were changed: the touched chunks, or the full mirror.',
  )
  @IsIn(verifyModes)
  verify: VerifyMode = 'touched';

  @EnvVariable('EDGE_APPLY_TIMEOUT', 'Maximum time for one statement of the apply transaction.')
  @Duration({ min: '1s', max: '1d' })
  applyTimeoutMs = 600_000;

  @EnvVariable(
    'EDGE_LOCK_TIMEOUT',
    'How long to wait for readers of a mirror before the cycle gives up and leaves it to the next one.',
  )
  @Duration({ min: '10ms', max: '5m' })
  lockTimeoutMs = 5_000;
}
