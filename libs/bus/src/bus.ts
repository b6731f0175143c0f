export type BusBody = null | boolean | number | string | BusBody[] | { [name: string]: BusBody | undefined };

export interface BusMessage {
  /** ULID, made by the publisher. */
  readonly id: string;
  readonly topic: string;
  readonly body: BusBody;
}

export interface SubscribeOptions {
  /** Each message goes to one of all subscriptions with this group's name, on all processes. */
  queueGroup?: string;
  /**
   * Messages may have been missed: the connection was lost and is back, or this subscription was too slow. Whoever keeps a
   * state by messages reads it from its store now.
   */
  onGap?: (reason: string) => void;
}

/** Errors go to the bus's log, and the next message follows. */
export type MessageHandler = (message: BusMessage) => void | Promise<void>;

export interface Subscription {
  /** Nothing is delivered after this has been called. Resolves when a handler that is at work has ended. */
  close(): Promise<void>;
}

export type BusState =
  { readonly isConnected: true } | { readonly isConnected: false; readonly reason: string };

/** Short texts by name that a server keeps, for whoever looks instead of listening. They may be lost at any time. */
export interface BusValues {
  /** @throws Error while the server cannot be reached */
  write(values: Readonly<Record<string, string>>): Promise<void>;
  /** @returns null where there is none. @throws Error while the server cannot be reached */
  read(name: string): Promise<string | null>;
}

export interface BusEvents {
  onState?: (state: BusState) => void;
  /** A handler failed, or a message came that no bus of ours has sent. */
  onError?: (error: unknown, topic: string) => void;
}

/**
 * Publish and subscribe between processes. A message is a hint: it reaches those who are subscribed and connected at the
 * time, at most once, in the order of its publisher. What must not be lost is stored elsewhere, and read on a gap.
 */
export interface Bus {
  /** CENTRAL_BUS_URL without its credentials. */
  readonly name: string;
  readonly state: BusState;
  /** Only Redis keeps values; undefined of the others. */
  readonly values: BusValues | undefined;
  /**
   * Resolves when the server has the message.
   *
   * @param topic - dotted, such as `devices.01K….nudge`
   * @throws RivuletError BUS_UNAVAILABLE, at once while disconnected
   */
  publish(topic: string, body: BusBody): Promise<void>;
  /**
   * Works while disconnected, too; messages come once the connection is back.
   *
   * @param pattern - a topic in which `*` stands for one word, and a last `>` for one or more
   */
  subscribe(pattern: string, handler: MessageHandler, options?: SubscribeOptions): Promise<Subscription>;
  /** Handlers end what they have been given, up to a deadline; then the connections close. */
  close(): Promise<void>;
}
