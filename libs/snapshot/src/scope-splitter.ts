/** Consecutive bytes of the rows of one scope. They can end anywhere. */
export interface ScopeBytes {
  scope: number;
  bytes: Buffer;
}

const LF = 0x0a;
const TAB = 0x09;
const ZERO = 0x30;

/**
 * Takes the first column off rows in COPY's text format, which is the number of the scope that a row belongs to, and says
 * whose the bytes behind it are. Rows of one scope are consecutive.
 */
export class ScopeSplitter {
  private scope = 0;
  /** Within the number at the beginning of a row. */
  private inNumber = true;
  private number = 0;

  /** The pieces are parts of `input`, whose content is moved for that. */
  push(input: Buffer): ScopeBytes[] {
    const pieces: ScopeBytes[] = [];
    let start = 0;
    let end = 0;
    let position = 0;
    const finish = (): void => {
      if (end > start) pieces.push({ scope: this.scope, bytes: input.subarray(start, end) });
      start = end;
    };
    while (position < input.length) {
      if (this.inNumber) {
        position = this.readNumber(input, position);
        if (this.inNumber) break;
        if (this.number !== this.scope) finish();
        this.scope = this.number;
        this.number = 0;
        continue;
      }
      const lf = input.indexOf(LF, position);
      const rowEnd = lf === -1 ? input.length : lf + 1;
      if (position !== end) input.copyWithin(end, position, rowEnd);
      end += rowEnd - position;
      position = rowEnd;
      this.inNumber = lf !== -1;
    }
    finish();
    return pieces;
  }

  private readNumber(input: Buffer, start: number): number {
    for (let position = start; position < input.length; position += 1) {
      const byte = input[position]!;
      if (byte === TAB) {
        this.inNumber = false;
        return position + 1;
      }
      this.number = this.number * 10 + byte - ZERO;
    }
    return input.length;
  }
}
