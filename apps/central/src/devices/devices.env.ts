import { Duration, EnvVariable, Flag } from '@rivulet/platform';
import { IsIn } from 'class-validator';

export const deviceAuthModes = ['key', 'mac'] as const;

export class DevicesEnv {
  @EnvVariable(
    'CENTRAL_DEVICE_AUTH',
    'How devices are known: key (each has a key of its own), or mac (for trials: whoever sends a MAC address is believed).',
  )
  @IsIn(deviceAuthModes)
  auth: (typeof deviceAuthModes)[number] = 'key';

  @EnvVariable(
    'CENTRAL_LET_ANYONE_READ_THE_ROWS_OF_EVERY_DEVICE',
    'Has to be true for CENTRAL_DEVICE_AUTH=mac where NODE_ENV is production.',
  )
  @Flag()
  letAnyoneRead = false;

  @EnvVariable('CENTRAL_DEVICE_TOKEN_LIFE', 'How long an access token of a device is valid.')
  @Duration({ min: '30s', max: '1h' })
  tokenLifeMs = 10 * 60_000;
}
