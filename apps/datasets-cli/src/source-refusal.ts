import { databaseFailure, hasSqlState, sqlState } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';

/** What pg says when the server asks for a password that the URL does not have. */
const NO_PASSWORD = /^SASL: .*client password must be/;

/**
 * What a command says of a database that refuses it: where that is, why, and what to do. A command does not try again, as
 * the apps do. Other errors stay what they are.
 *
 * @param variable - the one that has the URL
 */
export function nameRefusal(error: unknown, url: string, variable: string): unknown {
  if (!(error instanceof Error)) return error;
  const told = describeRefusal(error, addressOf(url), variable);
  if (told === undefined) return error;
  const [message, nextStep] = told;
  return new RivuletError('DATABASE_UNAVAILABLE', message, { nextStep, cause: error });
}

function describeRefusal(
  error: Error,
  address: string,
  variable: string,
): [message: string, nextStep: string] | undefined {
  const { message } = error;
  if (NO_PASSWORD.test(message)) {
    return [
      `PostgreSQL at ${address} asks for a password, and ${variable} has none.`,
      `Write it into the URL: postgresql://user:password@${address}/database.`,
    ];
  }
  if (hasSqlState(error, sqlState.insufficientPrivilege)) {
    return [
      `PostgreSQL at ${address} says: ${message}.`,
      `Grant that to the role of ${variable}, or name another role there.`,
    ];
  }
  const failure = databaseFailure(error);
  if (failure === undefined || failure === sqlState.readOnlyTransaction) return undefined;
  if (failure === sqlState.invalidCatalogName) {
    return [
      `The ${message} at ${address}.`,
      `Create it, or correct the name in ${variable}: \`psql --list\` shows those that there are.`,
    ];
  }
  if (failure.startsWith('28')) {
    const cure = message.includes('pg_hba.conf') ? ', or have pg_hba.conf let them in' : '';
    return [
      `PostgreSQL at ${address} refuses the login: ${message}.`,
      `Correct user and password in ${variable}${cure}.`,
    ];
  }
  if (/^E[A-Z]/.test(failure)) {
    return [
      `No PostgreSQL answers at ${address} (${failure}).`,
      `Start it there, or correct host and port in ${variable}.`,
    ];
  }
  return [
    `PostgreSQL at ${address} is not available: ${message}.`,
    `See that it runs, and that host and port in ${variable} are right; then say the command again.`,
  ];
}

function addressOf(url: string): string {
  const { hostname, port, searchParams } = new URL(url);
  return `${searchParams.get('host') ?? (hostname || 'localhost')}:${port || '5432'}`;
}
