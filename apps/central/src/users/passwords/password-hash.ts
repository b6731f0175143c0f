import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { RivuletError } from '@rivulet/errors';

/** argon2id, the default of the library, with what OWASP recommends at least: 19 MiB, 2 passes, 1 lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Each takes 19 MiB and a thread of the pool that reads files and compresses chunks, too. */
const AT_ONCE_MAX = 16;

/** Hashes passwords, and compares with hashes. */
@Injectable()
export class PasswordHash {
  private running = 0;
  /** An unknown name is compared with this hash of no password, so that it takes as long as a known name. */
  private decoy: Promise<string> | undefined;

  async make(password: string): Promise<string> {
    return this.bounded(() => hash(normalise(password), COST));
  }

  /** @param passwordHash - undefined: of nobody, which takes as long */
  async matches(passwordHash: string | undefined, password: string): Promise<boolean> {
    return this.bounded(async () => {
      this.decoy ??= hash(randomBytes(32), COST);
      const isEqual = await verify(passwordHash ?? (await this.decoy), normalise(password));
      return isEqual && passwordHash !== undefined;
    });
  }

  private async bounded<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= AT_ONCE_MAX) {
      throw new RivuletError('SERVER_BUSY', 'Too many passwords are being checked at once.');
    }
    this.running += 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
    }
  }
}

/** The same characters may be typed as different code points (NIST SP 800-63B, 3.1.1.2). */
function normalise(password: string): string {
  return password.normalize('NFKC');
}
