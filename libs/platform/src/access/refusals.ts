import { Injectable } from '@nestjs/common';
import type { ErrorCode } from '@rivulet/errors';

/** A call, a handshake or a message that was answered with an error. */
export interface Refusal {
  code: ErrorCode;
  /** The answer that the caller got. */
  detail: string;
  address: string;
  requestId: string;
  /** The method with the pattern of the route, or what else was refused. */
  where: string;
}

/** Tells features what was refused, wherever that was. */
@Injectable()
export class Refusals {
  private readonly listeners: ((refusal: Refusal) => void)[] = [];

  listen(listener: (refusal: Refusal) => void): void {
    this.listeners.push(listener);
  }

  note(refusal: Refusal): void {
    for (const listener of this.listeners) listener(refusal);
  }
}
