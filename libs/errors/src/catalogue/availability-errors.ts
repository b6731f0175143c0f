import type { ErrorDescription } from './error-description';

export const availabilityErrors = {
  SERVER_BUSY: {
    title: 'The server is busy',
    meaning: 'The server is already doing as much work as it accepts at once.',
    nextStep: 'Retry after the number of seconds in the Retry-After header.',
    transient: true,
  },
  SHUTTING_DOWN: {
    title: 'The server is shutting down',
    meaning: 'The process is stopping and accepts no new work.',
    nextStep: 'Try again in a few seconds.',
    transient: true,
  },
  DATABASE_UNAVAILABLE: {
    title: 'The database is not available',
    meaning: 'The database refused or closed the connection, or is read-only.',
    nextStep:
      'Check that PostgreSQL runs and that the database URL is right; Rivulet reconnects automatically.',
    transient: true,
  },
  SOURCE_UNAVAILABLE: {
    title: 'The source database is not available',
    meaning: "The data owner's database, apart from central's own, refused the connection or closed it.",
    nextStep: 'Check that the PostgreSQL of CENTRAL_SOURCE_DATABASE_URL runs; central reconnects by itself.',
    transient: true,
  },
  DATABASE_INTERRUPTED: {
    title: 'The database interrupted the work',
    meaning:
      'Somebody cancelled a statement (pg_cancel_backend), or transaction_timeout of the server ended its transaction.',
    nextStep:
      'Nothing has changed, and it is tried again. If it persists, see who cancels, or raise the limit.',
    transient: true,
  },
  DATABASE_FULL: {
    title: 'The database has no room',
    meaning: 'PostgreSQL could not write, because its disk is full.',
    nextStep: 'Free space on the disk of that PostgreSQL; Rivulet goes on by itself.',
    transient: true,
  },
  DATABASE_TABLES_MISSING: {
    title: 'Rivulet lacks its own tables',
    meaning:
      "Tables that Rivulet's migrations had made are gone: dropped, or lost when the database was created again.",
    nextStep:
      'See "Lost tables" in docs/operations.md: an edge can make them again, central needs its backup.',
    transient: false,
  },
  CENTRAL_UNREACHABLE: {
    title: 'Central is unreachable',
    meaning: 'The connection to central failed, stalled or broke off.',
    nextStep: 'Check EDGE_CENTRAL_URL and the network; the next cycle retries and resumes the download.',
    transient: true,
  },
  SYNC_IN_PROGRESS: {
    title: 'Another process is syncing this database',
    meaning: 'A sync cycle holds the lock of this database, in another process.',
    nextStep: 'Wait for that cycle to end, or stop the other edge process.',
    transient: true,
  },
  MIRROR_BUSY: {
    title: 'A mirror is locked by a reader',
    meaning: 'The lock on a mirror was not granted in time.',
    nextStep: 'Nothing has changed; the next cycle retries. End the long transaction if the error persists.',
    transient: true,
  },
  BUS_UNAVAILABLE: {
    title: 'The bus is unavailable',
    meaning:
      'The server of the bus is down, cannot be reached, or refuses the credentials. Schedules and polls go on without it.',
    nextStep: 'Check CENTRAL_BUS_URL and that its server runs; the connection is made again by itself.',
    transient: true,
  },
} as const satisfies Record<string, ErrorDescription>;
