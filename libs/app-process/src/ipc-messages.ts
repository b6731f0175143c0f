/** Sent by an app to the parent that started it with an IPC channel: it serves requests now. */
export interface ListeningMessage {
  type: 'listening';
  app: string;
  url: string;
  databaseUrl?: string;
  /** Central's port for agents over TCP. */
  agentPort?: number;
}

/** It cannot start. `message` and `nextStep` are sentences for the user. */
export interface StartFailedMessage {
  type: 'start-failed';
  code: string;
  message: string;
  nextStep: string;
}

export type AppMessage = ListeningMessage | StartFailedMessage;
