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
} as const satisfies Record<string, ErrorDescription>;
