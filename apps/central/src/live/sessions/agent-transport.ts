export type TransportKind = 'tcp' | 'websocket';

/** How a session ends, from central's side or the peer's. */
export type EndReason = 'left' | 'silent' | 'slow' | 'refused' | 'replaced' | 'draining';

/** One connection that carries messages as texts. */
export interface AgentTransport {
  readonly kind: TransportKind;
  /** Where the peer is. */
  readonly address: string;
  /** Bytes that the peer has not taken yet. */
  readonly waitingBytes: number;
  send(text: string): void;
  /** Sends what waits, for a moment, and then closes. */
  close(reason: EndReason): void;
  /** At once. */
  destroy(): void;
}
