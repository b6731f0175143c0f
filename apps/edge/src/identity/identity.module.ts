import { Module } from '@nestjs/common';
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
  ],
  exports: [MAC_ADDRESS],
})
export class IdentityModule {
  static readonly environment = [IdentityEnv];
}
