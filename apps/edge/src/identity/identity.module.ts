import { Module } from '@nestjs/common';
import { DeviceIdentity } from './device-identity';
import { IdentityEnv } from './identity.env';
import { findMacAddress, MAC_ADDRESS } from './mac-address';

/** Who this device is. */
@Module({
  providers: [
    {
      provide: MAC_ADDRESS,
      inject: [IdentityEnv],
      useFactory: ({ macAddress, networkInterface }: IdentityEnv) =>
        findMacAddress(macAddress, networkInterface),
    },
    {
      provide: DeviceIdentity,
      inject: [IdentityEnv],
      useFactory: ({ auth, identityDirectory, deviceKeyFile }: IdentityEnv) =>
        auth === 'key' ? DeviceIdentity.open(identityDirectory, deviceKeyFile) : undefined,
    },
  ],
  exports: [MAC_ADDRESS, DeviceIdentity],
})
export class IdentityModule {
  static readonly environment = [IdentityEnv];
}
