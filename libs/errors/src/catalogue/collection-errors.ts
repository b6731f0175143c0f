import type { ErrorDescription } from './error-description';

export const collectionErrors = {
  COLLECTION_SCHEMA_UNKNOWN: {
    title: 'There is no such schema',
    meaning: 'No schema has this ID.',
    nextStep: 'List the schemas with GET /api/schemas.',
    transient: false,
  },
  COLLECTION_SCHEMA_IN_USE: {
    title: 'Jobs use the schema',
    meaning: 'A schema cannot be deleted while jobs use it.',
    nextStep: 'Delete these jobs, or give them another schema.',
    transient: false,
  },
  COLLECTION_TARGET_TAKEN: {
    title: 'Another schema has the target table',
    meaning: 'Two schemas cannot write to one table.',
    nextStep: 'Choose another target_table.',
    transient: false,
  },
  COLLECTION_JOB_UNKNOWN: {
    title: 'There is no such job',
    meaning: 'No job has this ID.',
    nextStep: 'List the jobs with GET /api/jobs.',
    transient: false,
  },
  COLLECTION_JOB_EMPTY: {
    title: 'The job has no network',
    meaning: 'None of the networks that the job names, or that have its labels, is registered and active.',
    nextStep: 'Check network_ids or labels of the job against GET /api/networks.',
    transient: false,
  },
  COLLECTION_RUN_UNKNOWN: {
    title: 'There is no such run',
    meaning: 'No run has this ID, or the network has no part in it.',
    nextStep: 'List the runs with GET /api/jobs/{id}/runs.',
    transient: false,
  },
  COLLECTION_RUN_OVER: {
    title: 'The run is over',
    meaning: 'The run was cancelled or has ended, or this network has failed in it.',
    nextStep: 'Nothing to do for the network. Start a new run with POST /api/jobs/{id}/run.',
    transient: false,
  },
  COLLECTION_DEADLINE: {
    title: 'The deadline of the run has passed',
    meaning: 'The network did not deliver its rows within deadline_seconds.',
    nextStep: 'Check that the network is online, or raise deadline_seconds; then retry the run.',
    transient: true,
  },
  COLLECTION_NETWORK_SILENT: {
    title: 'The network stopped answering',
    meaning: 'The network took the task several times and was not heard until its lease ended.',
    nextStep: 'Look at the log of the network, then retry the run.',
    transient: true,
  },
  COLLECTION_QUOTA_EXCEEDED: {
    title: 'The daily quota of the network is used up',
    meaning: 'The network has sent as many rows or bytes today (UTC) as central accepts from one network.',
    nextStep:
      'It goes on tomorrow. To accept more, raise CENTRAL_COLLECTION_ROWS_A_DAY or CENTRAL_COLLECTION_BYTES_A_DAY.',
    transient: true,
  },
  COLLECTION_BUSY: {
    title: 'Central is taking in as many rows as it can',
    meaning: 'Other networks are sending or having their rows applied.',
    nextStep: 'Nothing: the network tries again after the time in Retry-After.',
    transient: true,
  },
  COLLECTION_OFFER_INVALID: {
    title: 'What the network offers cannot be collected',
    meaning:
      'The columns, the key or the chunks of the offer are not as the schema and the protocol require.',
    nextStep: 'Read the message: correct the schema, or update the network.',
    transient: false,
  },
  COLLECTION_BASE_CHANGED: {
    title: 'The offer builds on rows that are gone',
    meaning: 'The network offered what differs from rows that are no longer those of the target table.',
    nextStep: 'Nothing: the network offers all of its rows.',
    transient: true,
  },
  COLLECTION_KEPT_UNWANTED: {
    title: 'Rows that the network kept are not wanted',
    meaning:
      'The job of rows that were read while central was away was deleted or changed since, or their run is over.',
    nextStep:
      'Nothing: the network drops these rows and counts them. The next run of the job brings those of now.',
    transient: false,
  },
  COLLECTION_CHUNKS_MISSING: {
    title: 'Chunks of the offer have not arrived',
    meaning:
      'Not all chunks that central asked for are there, or an applied list of chunks has changed since.',
    nextStep: 'Nothing: the network offers its rows again and sends what is missing.',
    transient: true,
  },
  COLLECTION_TARGET_UNFIT: {
    title: 'The target table does not fit the query',
    meaning:
      "A column has another type, the key or mode has changed, or the table is not Rivulet's or refuses rows. None was written.",
    nextStep:
      'Correct the query of the schema, or rename the target table and run the job again, which creates a new one.',
    transient: false,
  },
  COLLECTION_TARGET_CHANGED: {
    title: 'The target changed while the run went on',
    meaning:
      'The schema was replaced, or its target table was made again, after the run began. None of its rows was written.',
    nextStep: 'Run the job again.',
    transient: true,
  },
  COLLECTION_UNPROVED: {
    title: 'The written rows read back differently',
    meaning:
      'Central read the rows back before the commit and they are not those that were offered. Rolled back.',
    nextStep: 'Look for triggers or rules on the target table, and remove them.',
    transient: false,
  },
  COLLECTION_NOT_ALLOWED: {
    title: 'The device does not allow the query',
    meaning: 'The query reads, calls or does something that EDGE_COLLECT_ALLOW of the device does not allow.',
    nextStep: 'Correct the query, or have the owner of the device allow what it reads in EDGE_COLLECT_ALLOW.',
    transient: false,
  },
  COLLECTION_QUERY_FAILED: {
    title: 'The query failed on the device',
    meaning: "The device's PostgreSQL refused the query, or ended it.",
    nextStep: 'Read the message and correct the query of the schema.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
