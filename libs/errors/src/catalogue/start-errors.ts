import type { ErrorDescription } from './error-description';

export const startErrors = {
  ENVIRONMENT_INVALID: {
    title: 'The environment is not valid',
    meaning: 'An environment variable has a value that the app cannot use.',
    nextStep: 'Correct the named variables and start again.',
    transient: false,
  },
  PORT_TAKEN: {
    title: 'The port is in use',
    meaning: 'Another process listens on the port.',
    nextStep: 'Stop that process, or choose a different port with the variable that the message names.',
    transient: false,
  },
  SPOOL_TAKEN: {
    title: 'The spool is in use',
    meaning: 'Another process on this machine uses the same spool file.',
    nextStep: 'Stop that process, or set EDGE_SPOOL_FILE to a different file for this edge.',
    transient: false,
  },
  DATABASE_OF_OTHER_DEVICE: {
    title: 'The database belongs to another device',
    meaning: "The edge's database has the mirrors of a device with a different MAC address.",
    nextStep:
      'Use a database of its own, or set EDGE_FORMER_MAC_ADDRESS if this device has got a new address.',
    transient: false,
  },
  DATABASE_FORBIDDEN: {
    title: 'The database role lacks a privilege',
    meaning: 'The role in the database URL lacks a privilege that the app requires at its start.',
    nextStep: 'Grant the role what docs/operations.md lists under "Your own PostgreSQL", and start again.',
    transient: false,
  },
  TRANSACTION_POOLING: {
    title: 'A pooler mixes sessions',
    meaning: 'The database URL leads to a pooler that gives each transaction another session of PostgreSQL.',
    nextStep: 'Set pool_mode = session in PgBouncer for this database, or connect to PostgreSQL itself.',
    transient: false,
  },
  DATABASE_OF_OTHER_APP: {
    title: 'The database belongs to the other app',
    meaning: 'Central was started on the database of an edge, or an edge on that of central.',
    nextStep: 'Give central and each edge a database of their own: correct the database URL.',
    transient: false,
  },
  DATABASE_NEWER: {
    title: 'The database is newer than this app',
    meaning: 'The database has migrations that this version does not know.',
    nextStep: 'Start a version that knows them, or restore the backup made before the upgrade.',
    transient: false,
  },
  ROUTE_WITHOUT_RULE: {
    title: 'A route has no rule',
    meaning: 'A route of the app does not say who may call it, so the app does not open it to anyone.',
    nextStep: 'Report the error: it is a mistake in this version of the app.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
