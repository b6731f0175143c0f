import { databaseFailure, hasSqlState, sqlState } from '@rivulet/postgres';
import { RivuletError } from '@rivulet/errors';

/** pg's message when the server requires a password and the URL has none. */
const NO_PASSWORD = /^SASL: .*client password must be/;

type Description = [message: string, nextStep: string];

/**
 * Explains that a database refuses a command: its address, the reason and the next step. A command does not retry, as
 * the apps do. Returns other errors unchanged.
 *
 * @param variable - the one that has the URL
 */
export function nameRefusal(error: unknown, url: string, variable: string): unknown {
  if (!(error instanceof Error)) return error;
  const description = describeRefusal(error, addressOf(url), variable);
  if (description === undefined) return error;
  const [message, nextStep] = description;
  return new RivuletError('DATABASE_UNAVAILABLE', message, { nextStep, cause: error });
}

function describeRefusal(error: Error, address: string, variable: string): Description | undefined {
  if (NO_PASSWORD.test(error.message)) {
    return [
      `PostgreSQL at ${address} requires a password, and ${variable} has none.`,
      `Add it to the URL: postgresql://user:password@${address}/database.`,
    ];
  }
  if (hasSqlState(error, sqlState.insufficientPrivilege)) {
    return [
      `PostgreSQL at ${address} rejects this: ${error.message}.`,
      `Grant it to the role in ${variable}, or use a different role there.`,
    ];
  }
  const failure = databaseFailure(error);
  if (failure === undefined || failure === sqlState.readOnlyTransaction) return undefined;
  return describeFailure(failure, error.message, address, variable);
}

function describeFailure(failure: string, message: string, address: string, variable: string): Description {
  if (failure === sqlState.invalidCatalogName) {
    return [
      `The ${message} at ${address}.`,
      `Create it, or correct the name in ${variable}: \`psql --list\` shows the existing ones.`,
    ];
  }
  if (failure.startsWith('28')) {
    const alternative = message.includes('pg_hba.conf') ? ', or allow them in pg_hba.conf' : '';
    return [
      `PostgreSQL at ${address} rejects the login: ${message}.`,
      `Correct user and password in ${variable}${alternative}.`,
    ];
  }
  if (/^E[A-Z]/.test(failure)) {
    return [
      `PostgreSQL at ${address} is unreachable (${failure}).`,
      `Start it, or correct host and port in ${variable}.`,
    ];
  }
  return [
    `PostgreSQL at ${address} is not available: ${message}.`,
    `Check that it runs and that host and port in ${variable} are right, then run the command again.`,
  ];
}

function addressOf(url: string): string {
  const { hostname, port, searchParams } = new URL(url);
  return `${searchParams.get('host') ?? (hostname || 'localhost')}:${port || '5432'}`;
}
