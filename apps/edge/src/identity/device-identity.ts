import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { RivuletError } from '@rivulet/errors';
import { generatePrivateKey, readSigningPair, type SigningPair } from '@rivulet/signatures';
import { AssertionCounter } from './assertion-counter';
import { writeFileSafely } from './write-file-safely';

/** What the device knows since it was enrolled. */
export interface EnrolledAs {
  deviceId: string;
  centralId: string;
  /** Thumbprint of the key that central signed the enrolment with: what this device trusts. */
  centralKey: string;
}

/** The key of this device and what goes with it, in a directory of its own. */
export class DeviceIdentity {
  private readonly counter: AssertionCounter;

  private constructor(
    private readonly directory: string,
    private readonly givenKeyFile: string | undefined,
    private pair: SigningPair,
    private enrolledAs: EnrolledAs | undefined,
  ) {
    this.counter = new AssertionCounter(join(directory, 'counter'));
  }

  /** Makes a key where there is none. @throws RivuletError ENVIRONMENT_INVALID */
  static async open(directory: string, givenKeyFile?: string): Promise<DeviceIdentity> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const pair = await (givenKeyFile === undefined
        ? ownKey(join(directory, KEY_FILE))
        : readKey(givenKeyFile));
      return new DeviceIdentity(directory, givenKeyFile, pair, await readEnrolment(directory));
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

  /** Undefined before the device was enrolled. */
  get enrolment(): EnrolledAs | undefined {
    return this.enrolledAs;
  }

  async nextCounter(): Promise<number> {
    return this.counter.next();
  }

  /** A key to take the place of the present one, the same until it does. A key that was given stays. */
  async nextKey(): Promise<SigningPair> {
    return this.givenKeyFile === undefined ? ownKey(join(this.directory, NEXT_KEY_FILE)) : this.pair;
  }

  /** @param key - the present one, or the next */
  async enrolled(enrolment: EnrolledAs, key: SigningPair): Promise<void> {
    if (key.thumbprint !== this.pair.thumbprint) {
      await rename(join(this.directory, NEXT_KEY_FILE), join(this.directory, KEY_FILE));
      this.pair = key;
    }
    await writeFileSafely(join(this.directory, 'enrolment.json'), JSON.stringify(enrolment, null, 2));
    this.enrolledAs = enrolment;
  }
}

const KEY_FILE = 'device-key.pem';
const NEXT_KEY_FILE = 'device-key.next.pem';

async function ownKey(file: string): Promise<SigningPair> {
  try {
    return await readKey(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await writeFileSafely(file, generatePrivateKey());
  return readKey(file);
}

async function readKey(file: string): Promise<SigningPair> {
  return readSigningPair(await readFile(file, 'utf8'));
}

async function readEnrolment(directory: string): Promise<EnrolledAs | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, 'enrolment.json'), 'utf8')) as EnrolledAs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
