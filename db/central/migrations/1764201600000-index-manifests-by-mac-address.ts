import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds the latest manifest of a MAC address, which says to which device that address belongs. */
export class IndexManifestsByMacAddress1764201600000 implements MigrationInterface {
  name = 'IndexManifestsByMacAddress1764201600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX sync_manifests_mac_address ON rivulet.sync_manifests (mac_address, epoch, sequence)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX rivulet.sync_manifests_mac_address');
  }
}
