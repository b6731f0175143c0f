import { Module } from '@nestjs/common';
import { AccessControl } from '@rivulet/platform';
import { EdgeAccessEnv } from './access.env';
import { TokenAuthenticator } from './token-authenticator';

/** Who may call the routes of this edge from elsewhere. */
@Module({})
export class EdgeAccessModule {
  static readonly environment = [EdgeAccessEnv];

  constructor(access: AccessControl, { apiToken }: EdgeAccessEnv) {
    if (apiToken !== undefined) access.register(['local'], new TokenAuthenticator(apiToken));
  }
}
