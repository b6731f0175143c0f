import { RivuletError, type ErrorCode } from '@rivulet/errors';
import type { DeviceStatus, KnownDevice } from '../device';

const refusals: Record<Exclude<DeviceStatus, 'active'>, [ErrorCode, string]> = {
  pending: ['DEVICE_PENDING', 'waits for the approval of an operator'],
  revoked: ['DEVICE_REVOKED', 'has been revoked'],
  quarantined: ['DEVICE_QUARANTINED', 'is in quarantine'],
};

/** @throws RivuletError DEVICE_PENDING · DEVICE_REVOKED · DEVICE_QUARANTINED */
export function refuseUnserved({ deviceId, status }: Pick<KnownDevice, 'deviceId' | 'status'>): void {
  if (status === 'active') return;
  const [code, reason] = refusals[status];
  throw new RivuletError(code, `Device ${deviceId} ${reason}.`);
}
