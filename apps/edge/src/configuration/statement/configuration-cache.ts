import { hash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import { writeFileSafely } from '../../disk/write-file-safely';
import { isLater, type FailedVersion, type HeldConfiguration } from './held-configuration';
import { verifyConfiguration, type ExpectedConfiguration } from './verify-configuration';

/** Whom this device has believed first, where nothing said whom to believe. */
interface Believed {
  centralKey: string;
  deviceId: string;
}

type Kept = HeldConfiguration & Believed & FailedVersion;
type Slot = 'accepted' | 'good';

/**
 * The configuration on disk: what was accepted last, and what has proved itself last. Each is signed, so that a file that
 * was changed or is of another device is noticed when it is read. All files have a sum, as not all of them is signed: with
 * a wrong ETag the device would be told that it has what it has not.
 */
export class ConfigurationCache {
  private readonly logger = new Logger('Configuration');
  private believed: Believed | undefined;
  private readonly held: Partial<Record<Slot, HeldConfiguration>> = {};
  private lastFailed: FailedVersion | undefined;

  private constructor(
    private readonly directory: string,
    private readonly expect: () => ExpectedConfiguration,
  ) {}

  /** For an edge without workers: nothing is read or written. */
  static unused(): ConfigurationCache {
    return new ConfigurationCache('', () => ({ name: '', deviceId: undefined, trustedKey: undefined }));
  }

  /** @throws RivuletError ENVIRONMENT_INVALID */
  static async open(directory: string, expect: () => ExpectedConfiguration): Promise<ConfigurationCache> {
    const cache = new ConfigurationCache(directory, expect);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await cache.load();
      return cache;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new RivuletError(
        'ENVIRONMENT_INVALID',
        `EDGE_CONFIGURATION_DIRECTORY is "${directory}", which cannot be used: ${code ?? message}.`,
        { cause: error },
      );
    }
  }

  /** The configuration that central has sent last. */
  get accepted(): HeldConfiguration | undefined {
    return this.held.accepted;
  }

  /** The last version that worked on the workers. */
  get good(): HeldConfiguration | undefined {
    return this.held.good;
  }

  /** The last version that failed on the workers. It is not signed: it can keep a version away, and bring none. */
  get failed(): FailedVersion | undefined {
    return this.lastFailed;
  }

  /**
   * Verifies what central has sent, and keeps it.
   *
   * @throws RivuletError what verifyConfiguration throws · CONFIGURATION_STALE where it is older than what this device has had
   */
  async accept(document: string, etag: string): Promise<HeldConfiguration> {
    const { statement, signedBy } = await verifyConfiguration(document, this.expected);
    for (const known of [this.accepted, this.good]) {
      if (known === undefined || !isLater(known.statement, statement)) continue;
      const { epoch, sequence } = known.statement;
      throw new RivuletError(
        'CONFIGURATION_STALE',
        `Central sent ${statement.name} with number ${statement.epoch}.${statement.sequence}; this device has had ${epoch}.${sequence}.`,
      );
    }
    await this.believe({ centralKey: signedBy, deviceId: statement.deviceId });
    const held = { statement, document, etag };
    await this.write('accepted', held);
    return held;
  }

  async markGood(held: HeldConfiguration): Promise<void> {
    await this.write('good', held);
  }

  async markFailed(failed: FailedVersion): Promise<void> {
    await this.keep('failed', failed);
    this.lastFailed = failed;
  }

  /** A setting of the environment or the enrolment takes precedence over what was believed first. */
  private get expected(): ExpectedConfiguration {
    const { deviceId, trustedKey, ...same } = this.expect();
    return {
      ...same,
      deviceId: deviceId ?? this.believed?.deviceId,
      trustedKey: trustedKey ?? this.believed?.centralKey,
    };
  }

  private async believe(believed: Believed): Promise<void> {
    if (this.believed !== undefined) return;
    await this.keep('central', believed);
    this.believed = believed;
  }

  private async write(slot: Slot, held: HeldConfiguration): Promise<void> {
    const { document, etag } = held;
    await this.keep(slot, { document, etag });
    this.held[slot] = held;
  }

  private async keep(name: string, content: object): Promise<void> {
    await writeFileSafely(this.pathOf(name), JSON.stringify({ ...content, sum: sumOf(content) }));
  }

  private async load(): Promise<void> {
    const { centralKey, deviceId } = (await this.read('central')) ?? {};
    if (centralKey !== undefined && deviceId !== undefined) this.believed = { centralKey, deviceId };
    for (const slot of ['good', 'accepted'] as const) {
      const held = await this.readHeld(slot);
      if (held !== undefined) this.held[slot] = held;
    }
    const { version, sha256, attempts, ...failed } = (await this.read('failed')) ?? {};
    if (typeof version === 'number' && typeof sha256 === 'string' && typeof attempts === 'number')
      this.lastFailed = {
        code: 'UNKNOWN',
        reason: '',
        isPassing: false,
        ...failed,
        version,
        sha256,
        attempts,
      };
  }

  private async readHeld(slot: Slot): Promise<HeldConfiguration | undefined> {
    const found = await this.read(slot);
    if (typeof found?.document !== 'string' || typeof found.etag !== 'string') return undefined;
    try {
      const { document, etag } = found;
      const { expected } = this;
      const { statement } = await verifyConfiguration(document, { ...expected, follow: expected.followKept });
      return { statement, document, etag };
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `${this.pathOf(slot)} is not used: ${message}`);
      return undefined;
    }
  }

  /** Undefined where there is none, or no whole one. */
  private async read(name: string): Promise<Partial<Kept> | undefined> {
    const path = this.pathOf(name);
    try {
      const { sum, ...content } = JSON.parse(await readFile(path, 'utf8')) as Partial<Kept> & {
        sum?: string;
      };
      if (sum === sumOf(content)) return content;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      // "null", for one, has no fields.
      if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    }
    this.logger.warn(`${path} is torn, and not used`);
    return undefined;
  }

  private pathOf(name: string): string {
    return join(this.directory, `${name}.json`);
  }
}

/** The order of names is that in which they were written. */
function sumOf(content: object): string {
  return hash('sha256', JSON.stringify(content));
}
