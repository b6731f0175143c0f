import { Duration, EnvVariable } from '@rivulet/platform';

export class ConfigurationsEnv {
  @EnvVariable(
    'CENTRAL_CONFIGURATION_POLL_INTERVAL',
    'How often devices ask for a configuration whose versions do not say otherwise.',
  )
  @Duration({ min: '1s', max: '1d' })
  pollIntervalMs = 30_000;

  @EnvVariable(
    'CENTRAL_CONFIGURATION_POLL_INTERVAL_MIN',
    'The shortest interval that a version may give devices.',
  )
  @Duration({ min: '1s', max: '1h' })
  pollIntervalMinMs = 30_000;
}
