import { RivuletError } from '@rivulet/errors';
import type { DevicesEnv } from '../devices.env';

/** @throws RivuletError ENVIRONMENT_INVALID when a trial would run in production */
export function refuseOpenProduction(
  { auth, letAnyoneRead }: DevicesEnv,
  nodeEnv = process.env['NODE_ENV'],
): void {
  if (auth !== 'mac' || letAnyoneRead || nodeEnv !== 'production') return;
  throw new RivuletError(
    'ENVIRONMENT_INVALID',
    'CENTRAL_DEVICE_AUTH is mac and NODE_ENV is production: anyone who knows a MAC address could read the rows of that device.',
    {
      nextStep:
        'Set CENTRAL_DEVICE_AUTH=key and enrol the devices. If anyone may read the rows of every device, set ' +
        'CENTRAL_LET_ANYONE_READ_THE_ROWS_OF_EVERY_DEVICE=true.',
    },
  );
}
