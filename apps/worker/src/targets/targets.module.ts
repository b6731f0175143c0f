import { Module } from '@nestjs/common';
import { AllowedTargets } from './allowed-targets';
import { TargetsEnv } from './targets.env';

/** Where the task may go. */
@Module({ providers: [AllowedTargets], exports: [AllowedTargets] })
export class TargetsModule {
  static readonly environment = [TargetsEnv];
}
