import { Injectable } from '@nestjs/common';
import { Counter, Histogram, Registry } from 'prom-client';

@Injectable()
export class CollectionMetrics {
  readonly runs: Counter<'cause'>;
  readonly skippedRuns: Counter<'reason'>;
  /** `result`: `succeeded`, or the code of the error. */
  readonly tasks: Counter<'result'>;
  readonly rows: Counter<'mode'>;
  readonly receivedBytes: Counter;
  readonly chunks: Counter<'source'>;
  readonly applySeconds: Histogram<'mode'>;
  readonly messages: Counter<'result'>;
  readonly refusals: Counter<'code'>;
  readonly told: Counter<'by'>;
  readonly keptRuns: Counter<'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.runs = new Counter({
      name: fullName('runs_total'),
      help: 'Runs that were started, by cause.',
      labelNames: ['cause'],
      registers,
    });
    this.skippedRuns = new Counter({
      name: fullName('skipped_runs_total'),
      help: 'Scheduled runs that were left out, by reason: missed, overlap, empty.',
      labelNames: ['reason'],
      registers,
    });
    this.tasks = new Counter({
      name: fullName('tasks_total'),
      help: 'Networks that are done with a run: succeeded, or an error code.',
      labelNames: ['result'],
      registers,
    });
    this.rows = new Counter({
      name: fullName('rows_total'),
      help: 'Rows that were collected and proved, by mode.',
      labelNames: ['mode'],
      registers,
    });
    this.receivedBytes = new Counter({
      name: fullName('received_bytes_total'),
      help: 'Bytes of frames that networks have sent.',
      registers,
    });
    this.chunks = new Counter({
      name: fullName('chunks_total'),
      help: 'Chunks of offers: sent, known, rebuilt of edits, misfit (edits that did not make the chunk).',
      labelNames: ['source'],
      registers,
    });
    this.applySeconds = new Histogram({
      name: fullName('apply_seconds'),
      help: 'Time to write and prove the rows of one network.',
      labelNames: ['mode'],
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
      registers,
    });
    this.messages = new Counter({
      name: fullName('messages_total'),
      help: 'DATA messages of agents: taken, repeated, refused.',
      labelNames: ['result'],
      registers,
    });
    this.told = new Counter({
      name: fullName('told_total'),
      help: 'Connected networks that were told of a task: job (an agent), nudge (an edge).',
      labelNames: ['by'],
      registers,
    });
    this.keptRuns = new Counter({
      name: fullName('kept_runs_total'),
      help: 'Runs that networks kept while central was away: taken, unwanted.',
      labelNames: ['result'],
      registers,
    });
    this.refusals = new Counter({
      name: fullName('refusals_total'),
      help: 'Calls of networks that were told to come back later, by error code.',
      labelNames: ['code'],
      registers,
    });
  }
}

function fullName(rest: string): string {
  return `rivulet_central_collection_${rest}`;
}
