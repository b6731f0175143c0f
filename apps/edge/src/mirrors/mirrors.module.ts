import { Module } from '@nestjs/common';
import { applyMirrors } from '@rivulet/postgres';
import { MirrorsEnv } from './mirrors.env';

/** Injection token of the limits of transactions that read or write mirrors. */
export const MIRROR_LIMITS = Symbol('MIRROR_LIMITS');

/** The settings of this folder. Its other files use no Nest: they are a library in all but place. */
@Module({
  providers: [
    {
      provide: MIRROR_LIMITS,
      inject: [MirrorsEnv],
      useFactory: ({ applyTimeoutMs, lockTimeoutMs }: MirrorsEnv) =>
        applyMirrors(applyTimeoutMs, lockTimeoutMs),
    },
  ],
  exports: [MIRROR_LIMITS],
})
export class MirrorsModule {
  static readonly environment = [MirrorsEnv];
}
