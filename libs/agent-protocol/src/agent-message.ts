/** The only version so far. An agent that names none speaks it. */
export const AGENT_PROTOCOL_VERSION = 1;

/** `id` is required where a message has an effect that must not happen twice, or is answered. */
export const messageTypes = {
  REGISTER: { from: 'agent', id: 'optional' },
  HEARTBEAT: { from: 'agent', id: 'optional' },
  DATA: { from: 'agent', id: 'required' },
  CONFIG: { from: 'central', id: 'required' },
  JOB: { from: 'central', id: 'required' },
  NUDGE: { from: 'central', id: 'optional' },
  ACK: { from: 'both', id: 'optional' },
  ERROR: { from: 'both', id: 'optional' },
} as const satisfies Record<string, { from: 'agent' | 'central' | 'both'; id: 'optional' | 'required' }>;

export type AgentMessageType = keyof typeof messageTypes;
export type Sender = 'agent' | 'central';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue };

/** An agent's figures and facts: numbers, texts and switches by name, such as `cpu_usage` in percent. */
export type Reported = Readonly<Record<string, number | string | boolean | null>>;

interface Envelope {
  /** Chosen by the sender, unique among its messages: 1 to 64 of `A-Z a-z 0-9 . _ : -`. */
  readonly id?: string;
  /** The agent's name, in the messages of both sides. */
  readonly agent_name: string;
  /** The sender's own word for its state: `online`, `degraded`, `offline`. */
  readonly status: string;
  /** By the sender's clock, RFC 3339 with a zone. Nothing is decided by it. */
  readonly timestamp: string;
}

/** Opens a session. `token` is the one that registration gave, unless the transport has authenticated the agent. */
export interface RegisterMessage extends Envelope {
  readonly type: 'REGISTER';
  readonly data: Reported & { readonly version?: string; readonly os?: string; readonly token?: string };
}

export interface HeartbeatMessage extends Envelope {
  readonly type: 'HEARTBEAT';
  readonly data: Reported;
}

/** Rows or values for central. It has one effect per agent and `id`, however often it is sent. */
export interface DataMessage extends Envelope {
  readonly type: 'DATA';
  readonly id: string;
  readonly data: { readonly [name: string]: JsonValue };
}

/** A configuration, or a job to run. The agent answers with ACK or ERROR. */
export interface OrderMessage extends Envelope {
  readonly type: 'CONFIG' | 'JOB';
  readonly id: string;
  readonly data: { readonly [name: string]: JsonValue };
}

/** "Sync now." A hint: it is not answered, and may be lost. */
export interface NudgeMessage extends Envelope {
  readonly type: 'NUDGE';
  readonly data: { readonly reason?: string };
}

export interface AckMessage extends Envelope {
  readonly type: 'ACK';
  readonly data: {
    /** The type and the ID of the acknowledged message. */
    readonly of: AgentMessageType;
    readonly id?: string;
    /** In the answer to REGISTER: when to send a heartbeat. */
    readonly heartbeat_seconds?: number;
    /** In the answer to DATA: it had been taken before. */
    readonly repeated?: boolean;
  };
}

export interface ErrorMessage extends Envelope {
  readonly type: 'ERROR';
  readonly data: {
    /** A code of docs/error-codes.md. */
    readonly code: string;
    readonly message: string;
    readonly next_step?: string;
    readonly of?: AgentMessageType;
    readonly id?: string;
    /** When to try again; missing if only a person can help. */
    readonly retry_after_seconds?: number;
  };
}

export type AgentMessage =
  RegisterMessage | HeartbeatMessage | DataMessage | OrderMessage | NudgeMessage | AckMessage | ErrorMessage;
