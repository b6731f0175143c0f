import type { ErrorDescription } from './error-description';

export const configurationErrors = {
  CONFIGURATION_UNKNOWN: {
    title: 'There is no such configuration',
    meaning:
      'No configuration has this name, nothing of it is released, or the device is none of its targets.',
    nextStep: 'Check the name; GET /api/configurations lists what there is.',
    transient: false,
  },
  CONFIGURATION_VERSION_UNKNOWN: {
    title: 'The configuration has no such version',
    meaning: 'The version was never added, or is older than the 1,000 that are kept.',
    nextStep: 'List the versions: GET /api/configurations/{name}/versions.',
    transient: false,
  },
  CONFIGURATION_INVALID: {
    title: 'The configuration does not fit its schema',
    meaning:
      'The data, or what an overlay makes of it, is not what the schema of this configuration asks for.',
    nextStep: 'Correct the fields that `errors` names, or change the schema: PUT /api/configurations/{name}.',
    transient: false,
  },
  CONFIGURATION_SCHEMA_INVALID: {
    title: 'The schema cannot be used',
    meaning:
      'It is no JSON Schema of draft 2020-12, refers to others, is over 64 KiB, or takes more than a second to check by.',
    nextStep: 'Correct the schema as the message says; simplify patterns with nested repetitions.',
    transient: false,
  },
  CONFIGURATION_TOO_LARGE: {
    title: 'The configuration is too large',
    meaning:
      'A version holds at most 256 KiB of canonical JSON, overlays included, nested at most 24 levels deep.',
    nextStep: 'Leave out what workers do not need, or split it into several configurations.',
    transient: false,
  },
  CONFIGURATION_SECRET: {
    title: 'The configuration has a secret written out',
    meaning:
      'A field with the name of a secret has a plain text. Versions are kept and shown, so they hold references only.',
    nextStep: 'Write ${env:NAME} or ${file:NAME}, and give the value to the device itself.',
    transient: false,
  },
  CONFIGURATION_CONFLICT: {
    title: 'The configuration is in another state',
    meaning:
      'Somebody else has added a version in the meantime, or central keeps as many configurations as it can.',
    nextStep: 'Read the configuration again, and repeat the change if it is still wanted.',
    transient: false,
  },
  CONFIGURATION_STALE: {
    title: 'The configuration is older than the one before',
    meaning: 'Central has sent an edge a configuration with a lower number than one that the edge has had.',
    nextStep:
      'If the database of central was restored, raise its epoch; else somebody repeats an old answer.',
    transient: false,
  },
  CONFIGURATION_SECRET_MISSING: {
    title: 'The device has no value for a secret',
    meaning:
      'A configuration refers to secrets that the edge does not have, may not give to workers, or that exceed 512 KiB in all.',
    nextStep:
      'Set it on the device, and name it in EDGE_CONFIGURATION_SECRETS or put it in EDGE_CONFIGURATION_SECRETS_DIRECTORY.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
