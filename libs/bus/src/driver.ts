import type { BusState, BusValues } from './bus';

/** The text of a message, as a driver carries it. */
export interface Carried {
  id: string;
  topic: string;
  /** JSON. */
  body: string;
}

/** The events that a driver reports to the bus. */
export interface DriverEvents {
  state(state: BusState): void;
  /** Messages may have been missed by every subscription. */
  gap(reason: string): void;
  error(error: unknown, topic: string): void;
}

/** A pattern that a driver listens to. */
export interface Listening {
  /**
   * For drivers whose server does not know groups: whether this process is the one of the group to handle a message.
   */
  claim?: (messageId: string) => Promise<boolean>;
  stop(): Promise<void>;
}

/** How messages get from process to process. */
export interface BusDriver {
  readonly values?: BusValues;
  /** Connects, and connects again, until it is stopped. Never throws. */
  start(events: DriverEvents): void;
  /** Resolves when the server has it; messages arrive in the order in which this was called. */
  send(message: Carried): Promise<void>;
  /** While disconnected it resolves, and is made good when the connection is there. */
  listen(
    pattern: string,
    queueGroup: string | undefined,
    deliver: (message: Carried) => void,
  ): Promise<Listening>;
  stop(): Promise<void>;
}
