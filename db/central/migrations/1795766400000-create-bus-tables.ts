import { createBusTables } from '@rivulet/bus';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the bus over PostgreSQL needs, whichever bus is set: to change it takes no migration. */
export class CreateBusTables1795766400000 implements MigrationInterface {
  name = 'CreateBusTables1795766400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(createBusTables);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rivulet.bus_claims, rivulet.bus_messages');
  }
}
