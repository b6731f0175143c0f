import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { AgentMessage } from '@rivulet/agent-protocol';

export type DataMessage = Extract<AgentMessage, { type: 'DATA' }>;
export type AnswerMessage = Extract<AgentMessage, { type: 'ACK' | 'ERROR' }>;

export interface Sender {
  deviceId: string;
  /** In the registry. */
  name: string;
}

/** A feature's handler for agents' messages that are not about the connection. */
export interface AgentReceiver {
  /**
   * Resolves once the data is stored for good. The sender sends it again until then, so it has one effect per sender and
   * `message.id`.
   *
   * @returns whether it had been taken before
   * @throws RivuletError which is sent to the agent
   */
  take(sender: Sender, message: DataMessage): Promise<{ repeated: boolean }>;
  /** ACK or ERROR for a JOB that was sent. */
  answered?(sender: Sender, message: AnswerMessage): void | Promise<void>;
}

/** Where the messages of agents go. The feature that takes them says so when it starts. */
@Injectable()
export class AgentInbox {
  private receiver: AgentReceiver | undefined;
  private configAnswered: ((sender: Sender, message: AnswerMessage) => Promise<void>) | undefined;

  setReceiver(receiver: AgentReceiver): void {
    this.receiver = receiver;
  }

  /** ACK or ERROR for a CONFIG that was sent. */
  onConfigAnswered(listener: (sender: Sender, message: AnswerMessage) => Promise<void>): void {
    this.configAnswered = listener;
  }

  async take(sender: Sender, message: DataMessage): Promise<{ repeated: boolean }> {
    if (this.receiver === undefined)
      throw new RivuletError('AGENT_DATA_REFUSED', 'This central takes no data from agents.');
    return this.receiver.take(sender, message);
  }

  async answered(sender: Sender, message: AnswerMessage): Promise<void> {
    if (message.data.of === 'CONFIG') await this.configAnswered?.(sender, message);
    else await this.receiver?.answered?.(sender, message);
  }
}
