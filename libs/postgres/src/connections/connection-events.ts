/** Events of connections, for whoever keeps a log: this library has none. */
export type ConnectionEvent =
  /** A connection was lost. While more of them are, nothing more is said. */
  | { kind: 'lost'; pool: string; reason: string; doing: string | undefined }
  /** The server answers on new connections. */
  | { kind: 'recovered'; pool: string; lost: number }
  /** The server has no room to write. Said again after a while, if it still has none. */
  | { kind: 'disk-full'; pool: string; reason: string };

export type ConnectionListener = (event: ConnectionEvent) => void;

const listeners = new Set<ConnectionListener>();

/** The events of every pool of this process. A listener must not throw. */
export const connectionEvents = {
  subscribe(listener: ConnectionListener): void {
    listeners.add(listener);
  },
  unsubscribe(listener: ConnectionListener): void {
    listeners.delete(listener);
  },
};

export function publish(event: ConnectionEvent): void {
  for (const listener of listeners) listener(event);
}
