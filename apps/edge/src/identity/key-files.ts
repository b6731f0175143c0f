import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { generatePrivateKey, readSigningPair, type SigningPair } from '@rivulet/signatures';
import { createFileSafely, readFileIfThere, syncDirectory, writeFileSafely } from '../disk/write-file-safely';

/** The keys that a device has made: the one that it uses, one that is to take its place, and the one before. */
export class KeyFiles {
  private readonly keyFile: string;
  private readonly nextFile: string;
  private readonly previousFile: string;

  constructor(directory: string) {
    this.keyFile = join(directory, 'device-key.pem');
    this.nextFile = join(directory, 'device-key.next.pem');
    this.previousFile = join(directory, 'device-key.previous.pem');
  }

  /** Made where there is none. */
  async own(): Promise<SigningPair> {
    return (await readKey(this.keyFile)) ?? makeKey(this.keyFile);
  }

  async next(): Promise<SigningPair | undefined> {
    return readKey(this.nextFile);
  }

  async makeNext(): Promise<SigningPair> {
    return (await this.next()) ?? makeKey(this.nextFile);
  }

  async discardNext(): Promise<void> {
    await rm(this.nextFile, { force: true });
  }

  async previous(): Promise<SigningPair | undefined> {
    return readKey(this.previousFile);
  }

  /** Puts the next key in the place of the one in use, which is kept: a central that was restored may know no other. */
  async promoteNext(): Promise<void> {
    // Another process of this device may have done it.
    if ((await this.next()) === undefined) return;
    const replaced = await readFileIfThere(this.keyFile);
    if (replaced !== undefined) await writeFileSafely(this.previousFile, replaced);
    await rename(this.nextFile, this.keyFile);
    await syncDirectory(dirname(this.keyFile));
  }
}

/** Two processes that make a key at once both get the key of the first. */
async function makeKey(file: string): Promise<SigningPair> {
  await createFileSafely(file, generatePrivateKey());
  return (await readKey(file))!;
}

async function readKey(file: string): Promise<SigningPair | undefined> {
  const pem = await readFileIfThere(file);
  return pem === undefined ? undefined : readSigningPair(pem);
}
