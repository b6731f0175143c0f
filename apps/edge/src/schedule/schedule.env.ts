import { Duration, EnvVariable } from '@rivulet/platform';

export class ScheduleEnv {
  @EnvVariable('EDGE_SYNC_JITTER', 'Maximum random delay of each scheduled sync or scrub.')
  @Duration({ max: '1h' })
  jitterMs = 30_000;
}
