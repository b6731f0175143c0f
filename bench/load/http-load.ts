import { startMeasuringThread, type MeasuringThread } from './measuring-thread';

export interface HttpLoad {
  url: string;
  /** Sent in turn. Each may have `{nonce}` in its body, in whose place 22 characters are put that are new each time. */
  requests: { method: 'GET' | 'POST'; path: string; headers: Record<string, string>; body: string }[];
  /** A text that a good answer has in its body. */
  expected: string;
  /** Status of a good answer; 200 unless given. */
  status?: number;
  connections: number;
  /** Requests a second, over all connections. Without it each sends the next one when it has its answer. */
  perSecond?: number;
}

export interface HttpLoadResult {
  /** Good ones. */
  answers: number;
  /** The other answers, by status. */
  refused: Record<string, number>;
  seconds: number;
  /** Milliseconds of each good answer. */
  latencies: Float64Array;
  /** The largest good answer: head and body, and the body alone. */
  answerBytes: number;
  bodyBytes: number;
}

export function startHttpLoad(load: HttpLoad): Promise<MeasuringThread<HttpLoadResult>> {
  return startMeasuringThread('http-load-thread', load);
}
