import { RivuletError } from '@rivulet/errors';
import { agentLimits } from './limits';

const LINE_FEED = 0x0a;
const NOTHING = new Uint8Array(0);

/** Cuts a byte stream into lines, and holds at most one unfinished line. Empty lines and a CR before the LF are skipped. */
export class LineDecoder {
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });
  /** The unfinished line is its first `held` bytes. */
  private buffer = NOTHING;
  private held = 0;
  private emptyLines = 0;

  constructor(private readonly maxBytes: number = agentLimits.maxMessageBytes) {}

  /**
   * The lines that end in these bytes.
   *
   * @throws RivuletError AGENT_MESSAGE_INVALID if a line is too long or not UTF-8, or too many are empty; the stream cannot go on after that
   */
  *push(bytes: Uint8Array): Generator<string> {
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      const line = this.decode(this.finish(bytes.subarray(start, end)));
      start = end + 1;
      if (line !== '') yield line;
      this.countEmpty(line);
    }
    this.hold(bytes.subarray(start));
  }

  private countEmpty(line: string): void {
    this.emptyLines = line === '' ? this.emptyLines + 1 : 0;
    if (this.emptyLines > agentLimits.maxEmptyLines)
      throw new RivuletError(
        'AGENT_MESSAGE_INVALID',
        `More than ${agentLimits.maxEmptyLines} lines are empty.`,
      );
  }

  /** The bytes of a line that stand in these bytes alone are not copied. */
  private finish(last: Uint8Array): Uint8Array {
    if (this.held === 0) return this.bounded(last);
    this.hold(last);
    const line = this.buffer.subarray(0, this.held);
    this.held = 0;
    return line;
  }

  private hold(more: Uint8Array): void {
    const length = this.held + this.bounded(more).length;
    if (length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(length, Math.min(2 * length, this.maxBytes)));
      larger.set(this.buffer.subarray(0, this.held));
      this.buffer = larger;
    }
    this.buffer.set(more, this.held);
    this.held = length;
    if (length === 0) this.buffer = NOTHING;
  }

  private bounded(more: Uint8Array): Uint8Array {
    if (this.held + more.length <= this.maxBytes) return more;
    throw new RivuletError('AGENT_MESSAGE_INVALID', `A message has more than ${this.maxBytes} bytes.`);
  }

  private decode(line: Uint8Array): string {
    try {
      return this.decoder.decode(line).trim();
    } catch (error) {
      throw new RivuletError('AGENT_MESSAGE_INVALID', 'A message is not UTF-8.', { cause: error });
    }
  }
}
