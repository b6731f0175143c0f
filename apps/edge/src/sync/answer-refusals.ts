import { Injectable } from '@nestjs/common';
import type { ErrorCode } from '@rivulet/errors';
import { Counter, Registry } from 'prom-client';

/** Codes of answers, by central or somebody in between, that were refused. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SIGNATURE_ALGORITHM_REFUSED',
  'CENTRAL_KEY_UNKNOWN',
  'CENTRAL_KEY_RETIRED',
  'CENTRAL_KEY_CHAIN_BROKEN',
  'ANSWER_SIGNATURE_INVALID',
  'ANSWER_UNSIGNED',
  'ANSWER_MISMATCHED',
  'ANSWER_REPLAYED',
  'ANSWER_FOREIGN',
  'MANIFEST_INVALID',
  'MANIFEST_STALE',
  'MANIFEST_SIGNATURE_INVALID',
  'MANIFEST_TOO_FAR_AHEAD',
  'CENTRAL_RESPONSE_INVALID',
  'CENTRAL_REDIRECTED',
  'CENTRAL_TOO_SLOW',
  'FRAME_INVALID',
  'LIMIT_EXCEEDED',
  'CHECKSUM_MISMATCH',
  'SCHEMA_UNSUPPORTED',
]);

export interface RefusedAnswer {
  code: ErrorCode;
  message: string;
  /** By the edge's clock. */
  at: Date;
  cycleId: string;
}

/** Counts the answers that this edge did not believe, also those that were good when it asked again. */
@Injectable()
export class AnswerRefusals {
  total = 0;
  last: RefusedAnswer | undefined;
  private readonly refused: Counter<'code'>;

  constructor(registry: Registry) {
    this.refused = new Counter({
      name: 'rivulet_edge_answers_refused_total',
      help: 'Answers in the name of central that were not believed, by the code of the reason.',
      labelNames: ['code'],
      registers: [registry],
    });
  }

  /** @param error - of a call or a cycle; only those are counted that say that an answer was not believed */
  note({ code, message }: { code: ErrorCode; message: string }, cycleId: string): void {
    if (!REFUSALS.has(code)) return;
    this.total += 1;
    this.last = { code, message, at: new Date(), cycleId };
    this.refused.inc({ code });
  }
}
