import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { DataSource } from 'typeorm';
import { capital, nameOf, type AwaitedDatabase } from './wait-for-database';

interface DatabaseFacts {
  encoding: string;
  isReadOnly: boolean;
  isStandby: boolean;
  /** Settings without which a crash loses what was committed. */
  unsafe: string[];
}

const readFacts = `
SELECT current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS "isStandby",
  current_setting('transaction_read_only')::boolean AS "isReadOnly",
  ARRAY(SELECT name FROM unnest(ARRAY['fsync', 'full_page_writes']) AS name
        WHERE NOT current_setting(name)::boolean) AS unsafe`;

/**
 * Refuses a database that an app's own tables cannot be in. One that takes no writes may be about to: a standby can
 * become the primary.
 *
 * @throws RivuletError ENVIRONMENT_INVALID when it cannot hold every text · DATABASE_UNAVAILABLE when it is read-only
 */
export async function refuseUnfitDatabase(dataSource: DataSource, options: AwaitedDatabase): Promise<void> {
  const [facts] = await dataSource.query<[DatabaseFacts]>(readFacts);
  const name = capital(nameOf(options));
  const { urlVariable } = options;
  if (facts.encoding !== 'UTF8') {
    throw new RivuletError(
      'ENVIRONMENT_INVALID',
      `${name} has the encoding ${facts.encoding}. Rows are in UTF8, which it cannot hold or compare alike.`,
      {
        nextStep: `Create one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name it in ${urlVariable}.`,
      },
    );
  }
  if (facts.isStandby) {
    throw new RivuletError('DATABASE_UNAVAILABLE', `${name} is a standby, which takes no writes.`, {
      nextStep: `Set ${urlVariable} to the primary.`,
    });
  }
  if (facts.isReadOnly) {
    throw new RivuletError(
      'DATABASE_UNAVAILABLE',
      `${name} takes no writes: default_transaction_read_only is on.`,
      {
        nextStep: `Turn it off for the database and the role of ${urlVariable}, or name another database there.`,
      },
    );
  }
  warnOfLostCommits(name, facts.unsafe);
}

/** `synchronous_commit` is a matter of the session and is on in ours; these two are the server's own. */
function warnOfLostCommits(name: string, unsafe: string[]): void {
  if (unsafe.length === 0) return;
  const settings = unsafe.map((setting) => `${setting} = off`).join(' and ');
  new Logger('Database').warn(
    `${name} runs with ${settings}: a power cut can lose or damage what was committed and acknowledged. ` +
      'Turn it on in postgresql.conf.',
  );
}
