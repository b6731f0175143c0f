import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CreateOperationalTables1763683200000 } from '../../../../db/central/migrations/1763683200000-create-operational-tables';
import { ChainSigningKeys1795827600000 } from '../../../../db/central/migrations/1795827600000-chain-signing-keys';
import { SigningKey } from './signing-key';
import { SigningKeys } from './signing-keys';

/** Central signs everything with one key. */
@Module({
  providers: [
    {
      provide: SigningKey,
      inject: [DataSource],
      useFactory: (own: DataSource) => SigningKey.loadOrCreate(own),
    },
    SigningKeys,
  ],
  exports: [SigningKey, SigningKeys],
})
export class SigningModule {
  static readonly migrations = [CreateOperationalTables1763683200000, ChainSigningKeys1795827600000];
}
