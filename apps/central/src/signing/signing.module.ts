import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CreateOperationalTables1763683200000 } from '../../../../db/central/migrations/1763683200000-create-operational-tables';
import { SigningKey } from './signing-key';

/** Central signs everything with one key. */
@Module({
  providers: [
    {
      provide: SigningKey,
      inject: [DataSource],
      useFactory: (own: DataSource) => SigningKey.loadOrCreate(own),
    },
  ],
  exports: [SigningKey],
})
export class SigningModule {
  static readonly migrations = [CreateOperationalTables1763683200000];
}
