import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables } from '@rivulet/platform';
import { configurationDigest } from '@rivulet/protocol';
import type { ConfigurationContent } from '../content/configuration-content';
import type { StoredConfiguration, StoredVersion, VersionEntry } from './stored-version';

export interface NewVersion extends ConfigurationContent {
  author: string;
  comment: string | null;
  restoredFrom?: number | null | undefined;
  /** Whether every target gets it at once. */
  release: boolean;
  /** The latest version that the author has seen; undefined to take any. */
  expectedVersion?: number | undefined;
}

const CONFIGURATIONS_MAX = 1_000;
/** Older ones are removed, unless devices have them. */
const VERSIONS_KEPT = 1_000;

/** Configurations and their versions in central's database. */
@Injectable()
export class ConfigurationStore {
  constructor(private readonly tables: OwnTables) {}

  async list(): Promise<StoredConfiguration[]> {
    return this.tables.rows(`SELECT ${columns} FROM rivulet.configurations ORDER BY name COLLATE "C"`);
  }

  /** @throws RivuletError CONFIGURATION_UNKNOWN */
  async get(name: string): Promise<StoredConfiguration> {
    const [found] = await this.tables.rows<StoredConfiguration>(
      `SELECT ${columns} FROM rivulet.configurations WHERE name = $1`,
      [name],
    );
    return found ?? unknownConfiguration(name);
  }

  /** Creates it, or changes what is given. */
  async describe(
    name: string,
    { description, schema }: { description?: string | null; schema?: unknown },
  ): Promise<StoredConfiguration> {
    return this.tables.transaction(async () => {
      await this.ensure(name);
      await this.tables.rows(
        `UPDATE rivulet.configurations SET changed_at = now(),
           description = CASE WHEN $2 THEN $3 ELSE description END,
           schema = CASE WHEN $4 THEN $5::json ELSE schema END
         WHERE name = $1`,
        [
          name,
          description !== undefined,
          description ?? null,
          schema !== undefined,
          schema === undefined || schema === null ? null : JSON.stringify(schema),
        ],
      );
      const [changed] = await this.tables.rows<StoredConfiguration>(
        `SELECT ${columns} FROM rivulet.configurations WHERE name = $1`,
        [name],
      );
      return changed!;
    });
  }

  /**
   * Numbered one higher than the last, whoever else adds one at the same time.
   *
   * @param guard - looks at the configuration, which is locked, and throws where the version must not be added
   * @throws RivuletError CONFIGURATION_CONFLICT, and what `guard` throws
   */
  async add(
    name: string,
    version: NewVersion,
    guard: (configuration: StoredConfiguration) => Promise<void>,
  ): Promise<StoredVersion> {
    return this.tables.transaction(async () => {
      await this.ensure(name);
      const locked = await this.lock(name);
      const { expectedVersion } = version;
      if (expectedVersion !== undefined && locked.latestVersion !== expectedVersion) {
        throw new RivuletError(
          'CONFIGURATION_CONFLICT',
          `The latest version of ${name} is ${locked.latestVersion}, not ${expectedVersion}.`,
        );
      }
      await guard(locked);
      const [added] = await this.tables.rows<{ version: number }>(insertVersion, [
        name,
        locked.latestVersion + 1,
        ...contentValues(version),
        contentDigest(version),
        version.author,
        version.comment,
        version.restoredFrom ?? null,
      ]);
      await this.tables.rows(afterVersion, [name, added!.version, version.release]);
      await this.tables.rows(removeOldVersions, [name, added!.version - VERSIONS_KEPT]);
      return this.version(name, added!.version);
    });
  }

  /** The latest first. */
  async history(name: string, limit: number, before?: number): Promise<VersionEntry[]> {
    return this.tables.rows(
      `SELECT ${entryColumns} FROM rivulet.configuration_versions
       WHERE name = $1 AND version < $2 ORDER BY version DESC LIMIT $3`,
      [name, before ?? 2 ** 31 - 1, limit],
    );
  }

  /** @throws RivuletError CONFIGURATION_VERSION_UNKNOWN */
  async version(name: string, version: number): Promise<StoredVersion> {
    const [found] = await this.tables.rows<StoredVersion>(readVersion, [name, version]);
    if (found !== undefined) return found;
    throw new RivuletError('CONFIGURATION_VERSION_UNKNOWN', `${name} has no version ${version}.`);
  }

  /** Until the transaction that is open ends. @throws RivuletError CONFIGURATION_UNKNOWN */
  async lock(name: string): Promise<StoredConfiguration> {
    const [locked] = await this.tables.rows<StoredConfiguration>(
      `SELECT ${columns} FROM rivulet.configurations WHERE name = $1 FOR UPDATE`,
      [name],
    );
    return locked ?? unknownConfiguration(name);
  }

  /** Devices have something else from now on. */
  async changeReach(name: string, released?: number): Promise<void> {
    await this.tables.rows(afterRollout, [name, released ?? null]);
  }

  private async ensure(name: string): Promise<void> {
    await this.tables.rows(createConfiguration, [name, CONFIGURATIONS_MAX]);
    const [found] = await this.tables.rows('SELECT 1 FROM rivulet.configurations WHERE name = $1', [name]);
    if (found !== undefined) return;
    throw new RivuletError(
      'CONFIGURATION_CONFLICT',
      `There are ${CONFIGURATIONS_MAX} configurations, the most that central keeps.`,
    );
  }
}

/** The fields that two versions with the same content share. */
function contentDigest({ data, overlays, targets, pollIntervalSeconds }: ConfigurationContent): string {
  return configurationDigest({ data, overlays, targets, pollIntervalSeconds });
}

function contentValues({ data, overlays, targets, pollIntervalSeconds }: ConfigurationContent): unknown[] {
  const lists = [overlays, targets].map((value) => (value === null ? null : JSON.stringify(value)));
  return [JSON.stringify(data), ...lists, pollIntervalSeconds];
}

function unknownConfiguration(name: string): never {
  throw new RivuletError('CONFIGURATION_UNKNOWN', `There is no configuration named "${name}".`);
}

const columns = `name, description, schema, latest_version AS "latestVersion",
  released_version AS "releasedVersion", created_at AS "createdAt", changed_at AS "changedAt"`;

const entryColumns = `name, version, sha256, author, comment, restored_from AS "restoredFrom", created_at AS "createdAt"`;

const readVersion = `
SELECT ${entryColumns}, data, overlays, targets, poll_interval_seconds AS "pollIntervalSeconds"
FROM rivulet.configuration_versions WHERE name = $1 AND version = $2`;

const createConfiguration = `
INSERT INTO rivulet.configurations (name)
SELECT $1 WHERE (SELECT count(*) FROM rivulet.configurations) < $2
ON CONFLICT DO NOTHING`;

const insertVersion = `
INSERT INTO rivulet.configuration_versions
  (name, version, data, overlays, targets, poll_interval_seconds, sha256, author, comment, restored_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING version`;

const afterVersion = `
UPDATE rivulet.configurations SET latest_version = $2, changed_at = now(),
  released_version = CASE WHEN $3 THEN $2 ELSE released_version END,
  generation = CASE WHEN $3 THEN nextval('rivulet.configuration_sequence') ELSE generation END
WHERE name = $1`;

const afterRollout = `
UPDATE rivulet.configurations SET changed_at = now(), released_version = coalesce($2, released_version),
  generation = nextval('rivulet.configuration_sequence')
WHERE name = $1`;

/** By the primary keys. */
const removeOldVersions = `
DELETE FROM rivulet.configuration_versions AS old USING rivulet.configurations AS configuration
WHERE old.name = $1 AND old.version <= $2 AND configuration.name = $1
  AND old.version IS DISTINCT FROM configuration.released_version
  AND NOT EXISTS (SELECT FROM rivulet.configuration_devices AS device
                  WHERE device.name = old.name AND old.version IN (device.version, device.in_force_version))
  AND NOT EXISTS (SELECT FROM rivulet.rollouts AS rollout
                  WHERE rollout.kind = 'configuration' AND rollout.subject = old.name AND rollout.version = old.version
                    AND rollout.status IN ('running', 'paused'))`;
