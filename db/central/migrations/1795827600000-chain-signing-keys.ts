import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each signing key of central is named by the one before it. */
export class ChainSigningKeys1795827600000 implements MigrationInterface {
  name = 'ChainSigningKeys1795827600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- number: of the keys of this central, from 1. statement: the word of the key before that this one follows it; null of
      -- the first, and of one that was made after the one before had been retired by hand.
      ALTER TABLE rivulet.signing_keys ADD COLUMN number integer, ADD COLUMN statement text;
      UPDATE rivulet.signing_keys AS key SET number = counted.number FROM (
        SELECT thumbprint, row_number() OVER (ORDER BY created_at, thumbprint) AS number FROM rivulet.signing_keys
      ) AS counted WHERE counted.thumbprint = key.thumbprint;
      ALTER TABLE rivulet.signing_keys ALTER COLUMN number SET NOT NULL, ADD UNIQUE (number);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE rivulet.signing_keys DROP COLUMN number, DROP COLUMN statement');
  }
}
