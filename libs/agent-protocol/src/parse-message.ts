import { RivuletError } from '@rivulet/errors';
import {
  AGENT_PROTOCOL_VERSION,
  messageTypes,
  type AgentMessage,
  type AgentMessageType,
  type Sender,
} from './agent-message';
import { agentLimits } from './limits';
import {
  asFields,
  checkJson,
  checkReported,
  optionalTextOf,
  refuse,
  refuseUnknown,
  textOf,
  type Fields,
} from './message-fields';

const ENVELOPE = ['type', 'id', 'agent_name', 'status', 'timestamp', 'data'];

const patterns = {
  id: /^[A-Za-z0-9._:-]{1,64}$/,
  name: /^[^\p{Cc}\p{Cs}]{1,200}$/u,
  status: /^[A-Za-z][A-Za-z0-9_-]{0,39}$/,
  timestamp: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/,
  code: /^[A-Z][A-Z0-9_]{0,63}$/,
  text: /^[^\0]{1,2000}$/,
  reportedText: /^[^\p{Cc}]{0,512}$/u,
};

/**
 * Reads one message, which came without its line feed.
 *
 * @param sender - who must have sent it: a message of the other side is refused. What central sends may have fields that are not
 *   known yet, as it may be of a later version than an agent
 * @throws RivuletError AGENT_MESSAGE_INVALID · AGENT_PROTOCOL_UNSUPPORTED
 */
export function parseAgentMessage(text: string, sender: Sender): AgentMessage {
  const fields = asFields(parseJson(text), 'the message');
  const type = readType(fields, sender);
  const data = asFields(fields.data ?? {}, 'data');
  if (type === 'REGISTER') checkVersion(data);
  const isStrict = sender === 'agent';
  if (isStrict) refuseUnknown(fields, ENVELOPE, 'the message');
  const read = messageTypes[type].id === 'required' ? textOf : optionalTextOf;
  const id = read(fields, 'id', '', patterns.id, '1 to 64 of A-Z a-z 0-9 . _ : -');
  const envelope = {
    ...(id === undefined ? {} : { id }),
    agent_name: textOf(
      fields,
      'agent_name',
      '',
      patterns.name,
      '1 to 200 characters without control characters',
    ),
    status: textOf(fields, 'status', '', patterns.status, 'a word'),
    timestamp: textOf(fields, 'timestamp', '', patterns.timestamp, 'a time as in RFC 3339, with a zone'),
  };
  checkData[type](data, isStrict);
  return { type, ...envelope, data } as AgentMessage;
}

function parseJson(text: string): unknown {
  if (text.length > agentLimits.maxMessageBytes)
    refuse(`it has more than ${agentLimits.maxMessageBytes} bytes`);
  try {
    return JSON.parse(text);
  } catch {
    return refuse('it is not JSON');
  }
}

function readType(fields: Fields, sender: Sender): AgentMessageType {
  const type = fields.type;
  if (typeof type !== 'string' || !Object.hasOwn(messageTypes, type))
    refuse(`type is not one of ${Object.keys(messageTypes).join(', ')}`);
  const { from } = messageTypes[type as AgentMessageType];
  if (from !== 'both' && from !== sender)
    refuse(`${type} is sent by ${from === 'agent' ? 'agents' : 'central'} only`);
  return type as AgentMessageType;
}

function checkVersion({ protocol = AGENT_PROTOCOL_VERSION }: Fields): void {
  if (protocol === AGENT_PROTOCOL_VERSION) return;
  throw new RivuletError(
    'AGENT_PROTOCOL_UNSUPPORTED',
    `The agent speaks version ${describeVersion(protocol)} of the agent protocol; central speaks ${AGENT_PROTOCOL_VERSION}.`,
  );
}

/** Not JSON of what may be nested deeply: that is written by recursion. */
function describeVersion(protocol: unknown): string {
  return typeof protocol === 'object' ? '(no number)' : JSON.stringify(protocol).slice(0, 40);
}

const checkData: Record<AgentMessageType, (data: Fields, isStrict: boolean) => void> = {
  REGISTER: (data) => {
    checkReported(data);
    for (const name of ['version', 'os', 'token'])
      optionalTextOf(data, name, 'data.', patterns.reportedText, 'a text of at most 512 characters');
  },
  HEARTBEAT: checkReported,
  DATA: (data) => checkJson(data),
  CONFIG: (data) => checkJson(data),
  JOB: (data) => checkJson(data),
  NUDGE: (data) => {
    optionalTextOf(data, 'reason', 'data.', patterns.reportedText, 'a text of at most 512 characters');
  },
  ACK: (data, isStrict) => {
    if (isStrict) refuseUnknown(data, ['of', 'id', 'heartbeat_seconds', 'repeated'], 'data');
    readReference(data);
    if (data.of === undefined) refuse('data.of is missing');
    readSeconds(data, 'heartbeat_seconds');
    if (data.repeated !== undefined && typeof data.repeated !== 'boolean')
      refuse('data.repeated is not true or false');
  },
  ERROR: (data, isStrict) => {
    if (isStrict)
      refuseUnknown(data, ['of', 'id', 'code', 'message', 'next_step', 'retry_after_seconds'], 'data');
    readReference(data);
    textOf(data, 'code', 'data.', patterns.code, 'a code in capitals');
    textOf(data, 'message', 'data.', patterns.text, 'a text of 1 to 2000 characters');
    optionalTextOf(data, 'next_step', 'data.', patterns.text, 'a text of 1 to 2000 characters');
    readSeconds(data, 'retry_after_seconds');
  },
};

function readReference(data: Fields): void {
  if (data.of !== undefined && (typeof data.of !== 'string' || !Object.hasOwn(messageTypes, data.of)))
    refuse('data.of is not a type of message');
  optionalTextOf(data, 'id', 'data.', patterns.id, 'an ID of a message');
}

function readSeconds(data: Fields, name: string): void {
  const value = data[name];
  if (value === undefined) return;
  if (typeof value !== 'number' || !(value > 0 && value <= 86_400))
    refuse(`data.${name} is not above 0 and at most 86400`);
}
