import type { ErrorDescription } from './error-description';

export const agentErrors = {
  AGENT_MESSAGE_INVALID: {
    title: 'The message of an agent is not valid',
    meaning:
      'A message is not JSON, lacks a field, has an unknown one, or is larger than the protocol allows.',
    nextStep: 'Correct the message as docs/agent-protocol.md describes it, and connect again.',
    transient: false,
  },
  AGENT_PROTOCOL_UNSUPPORTED: {
    title: 'The version of the agent protocol is not supported',
    meaning: 'The agent names a version that central does not speak.',
    nextStep: 'Update the older side.',
    transient: false,
  },
  AGENT_UNREGISTERED: {
    title: 'The agent has not registered',
    meaning: 'A connection sent another message before REGISTER, or none in time.',
    nextStep: 'Send REGISTER with the token of the agent as the first message of a connection.',
    transient: false,
  },
  AGENT_REPLACED: {
    title: 'The agent has connected again',
    meaning: 'The same agent has opened another connection, and the older one is closed.',
    nextStep: 'Give each agent a token of its own, if two of them take turns.',
    transient: true,
  },
  AGENT_DATA_REFUSED: {
    title: 'Nothing takes the data of an agent',
    meaning: 'The agent sent DATA that names no job, so that central does not know what it is for.',
    nextStep: 'Have the agent send rows for JOB messages only, as docs/agent-protocol.md says.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
