import { Duration, EnvVariable } from '@rivulet/platform';

export class FleetEnv {
  @EnvVariable(
    'CENTRAL_SILENT_AFTER',
    'A device that is not connected and has not called for so long is silent. More than its sync interval.',
  )
  @Duration({ min: '1m', max: '30d' })
  silentAfterMs = 15 * 60_000;
}
