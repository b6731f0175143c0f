import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { SyncRequest, SyncResponse } from '@rivulet/protocol';
import { LRUCache } from 'lru-cache';
import type { Device } from '../devices/device';

/** An answer that nobody has come for is forgotten after this time. What it was made of stays cached. */
const KEPT_MS = 60_000;

/** Answers at once. More of them are made all the same, but the oldest are made again when they are asked for. */
const KEPT = 1_000;

interface AnswerInTheMaking {
  device: Device;
  answer: Promise<SyncResponse>;
}

/**
 * Answers that take longer than a device wants to wait in silence. It sends the same request again, and gets the same
 * answer, or error, once: its work is not begun again.
 */
@Injectable()
export class AnswersInTheMaking {
  private readonly answers = new LRUCache<string, AnswerInTheMaking>({ max: KEPT });

  /** Undefined when the answer is not made within the time. Then the same request gets it later. */
  async within(
    waitMs: number,
    device: Device,
    asked: SyncRequest,
    make: () => Promise<SyncResponse>,
  ): Promise<SyncResponse | undefined> {
    const key = `${device.macAddress} ${hash('sha256', JSON.stringify(asked))}`;
    const found = this.answers.get(key);
    const answer = found && isSame(found.device, device) ? found.answer : this.begin(key, device, make);
    const timer = new AbortController();
    const timeout = sleep(waitMs, undefined, { signal: timer.signal, ref: false });
    try {
      const response = await Promise.race([answer, timeout]);
      if (response !== undefined) this.forget(key, answer);
      return response;
    } catch (error) {
      this.forget(key, answer);
      throw error;
    } finally {
      timeout.catch(() => undefined);
      timer.abort();
    }
  }

  private begin(key: string, device: Device, make: () => Promise<SyncResponse>): Promise<SyncResponse> {
    const answer = make();
    this.answers.set(key, { device, answer });
    const forgetLater = (): void => void setTimeout(() => this.forget(key, answer), KEPT_MS).unref();
    // A failure is for whoever asks next.
    answer.then(forgetLater, forgetLater);
    return answer;
  }

  private forget(key: string, answer: Promise<SyncResponse>): void {
    if (this.answers.get(key)?.answer === answer) this.answers.delete(key);
  }
}

/** A device that is known by its MAC address alone has its id from the first answer on. */
function isSame(one: Device, other: Device): boolean {
  if (one.deviceId === undefined || other.deviceId === undefined) return true;
  return one.deviceId === other.deviceId;
}
