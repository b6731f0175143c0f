import type { ErrorDescription } from './error-description';

export const realtimeErrors = {
  REALTIME_FILE_INVALID: {
    title: 'The realtime file is not valid',
    meaning: 'The file of topics cannot be read, or has a mistake at the line in the message.',
    nextStep: 'Correct the file at the line in the message; then reload it, or start central.',
    transient: false,
  },
  REALTIME_TOKEN_INVALID: {
    title: 'The token of a realtime client is not valid',
    meaning:
      'The token is missing, expired, signed by an unknown key, or for a different user, issuer or audience.',
    nextStep: 'Get a new token from the application, and connect again.',
    transient: false,
  },
  REALTIME_MESSAGE_INVALID: {
    title: 'The realtime message is not valid',
    meaning: 'A message is not JSON, lacks a field, has one of the wrong type, or is too large.',
    nextStep: 'Correct the message as docs/realtime.md describes it.',
    transient: false,
  },
  REALTIME_LIMIT_EXCEEDED: {
    title: 'A realtime limit was exceeded',
    meaning: 'A client has too many connections or subscriptions, or sends too many messages.',
    nextStep: 'Send less, or raise the limit in the environment of central.',
    transient: true,
  },
  REALTIME_ORIGIN_REFUSED: {
    title: 'The origin of the page is not allowed',
    meaning: 'A web page of a site that the realtime settings do not name tried to connect.',
    nextStep: 'Add the origin to CENTRAL_REALTIME_ORIGINS if its pages may connect.',
    transient: false,
  },
  REALTIME_HISTORY_UNUSABLE: {
    title: 'The bus cannot keep histories of topics',
    meaning:
      'JetStream is not enabled on the NATS server, or it refuses to store. Topics do not work meanwhile.',
    nextStep: 'Enable JetStream, give it space, or set CENTRAL_REALTIME_HISTORY=postgres on every central.',
    transient: true,
  },
  TOPIC_FORBIDDEN: {
    title: 'The topic is not allowed',
    meaning: 'No rule of the realtime file lets this caller subscribe or publish to the topic.',
    nextStep: 'Correct the topic, or add a rule to the realtime file.',
    transient: false,
  },
  IDEMPOTENCY_KEY_REUSED: {
    title: 'The idempotency key was used before',
    meaning: 'A different message was published with the same key.',
    nextStep: 'Use a new key for each message.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
