import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import { readSigningPair, type SigningPair } from '@rivulet/signatures';
import { AssertionCounter } from './assertion-counter';
import { KeyFiles } from './key-files';
import { readFileIfThere, writeFileSafely } from '../disk/write-file-safely';

/** The identity of the device since it was enrolled. */
export interface EnrolledAs {
  deviceId: string;
  centralId: string;
  /** Thumbprint of the key that central signed the enrolment with: what this device trusts. */
  centralKey: string;
  /** Since when the device has its key, by central's clock. Missing where that is not known. */
  keySince?: string;
}

/** The key of this device and what goes with it, in a directory of its own. */
export class DeviceIdentity {
  private readonly counter: AssertionCounter;

  private constructor(
    private readonly directory: string,
    /** Undefined where the key was given. */
    private readonly files: KeyFiles | undefined,
    private pair: SigningPair,
    private enrolledAs: EnrolledAs | undefined,
  ) {
    this.counter = new AssertionCounter(join(directory, 'counter'));
  }

  /** Makes a key where there is none. @throws RivuletError ENVIRONMENT_INVALID */
  static async open(directory: string, givenKeyFile?: string): Promise<DeviceIdentity> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const files = givenKeyFile === undefined ? new KeyFiles(directory) : undefined;
      const pair = await (files?.own() ?? readGivenKey(givenKeyFile!));
      return new DeviceIdentity(directory, files, pair, await readEnrolment(directory));
    } catch (error) {
      if (error instanceof RivuletError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      const what =
        givenKeyFile === undefined
          ? `EDGE_IDENTITY_DIRECTORY is "${directory}"`
          : `EDGE_DEVICE_KEY_FILE is "${givenKeyFile}"`;
      throw new RivuletError('ENVIRONMENT_INVALID', `${what}, which cannot be used: ${code ?? message}.`, {
        cause: error,
      });
    }
  }

  get key(): SigningPair {
    return this.pair;
  }

  /** Whether the device has made its key itself, and so may make another. */
  get ownsKey(): boolean {
    return this.files !== undefined;
  }

  /** Undefined before the device was enrolled. */
  get enrolment(): EnrolledAs | undefined {
    return this.enrolledAs;
  }

  async nextCounter(): Promise<number> {
    return this.counter.next();
  }

  /** Whether a next key waits to take the place of the present one. */
  async hasNextKey(): Promise<boolean> {
    return (await this.files?.next()) !== undefined;
  }

  /** A key to take the place of the present one, the same until it does. A key that was given stays. */
  async nextKey(): Promise<SigningPair> {
    return this.files?.makeNext() ?? this.pair;
  }

  /** Removes a key that no longer has a use. */
  async discardNextKey(): Promise<void> {
    await this.files?.discardNext();
  }

  /** The key that the present one has replaced. */
  async previousKey(): Promise<SigningPair | undefined> {
    return this.files?.previous();
  }

  /** Looks for a key that another process of this device has put in place. @returns whether there is one */
  async reload(): Promise<boolean> {
    const stored = (await this.files?.own()) ?? this.pair;
    const isOther = stored.thumbprint !== this.pair.thumbprint;
    this.pair = stored;
    this.enrolledAs = (await readEnrolment(this.directory)) ?? this.enrolledAs;
    return isOther;
  }

  /**
   * A crash in between leaves the next key in its place: whoever goes on tries it first.
   *
   * @param key - the present one, or the next
   */
  async enrolled(enrolment: EnrolledAs, key: SigningPair): Promise<void> {
    await writeFileSafely(join(this.directory, ENROLMENT_FILE), JSON.stringify(enrolment, null, 2));
    this.enrolledAs = enrolment;
    if (key.thumbprint === this.pair.thumbprint) return;
    await this.files!.promoteNext();
    this.pair = key;
  }
}

const ENROLMENT_FILE = 'enrolment.json';

async function readGivenKey(file: string): Promise<SigningPair> {
  return readSigningPair(await readFile(file, 'utf8'));
}

async function readEnrolment(directory: string): Promise<EnrolledAs | undefined> {
  const json = await readFileIfThere(join(directory, ENROLMENT_FILE));
  return json === undefined ? undefined : (JSON.parse(json) as EnrolledAs);
}
