import { RivuletError } from '@rivulet/errors';

const LF = 0x0a;

/** Lines of the content of a patch, LF included. @throws RivuletError FRAME_INVALID */
export function* linesOf(content: Buffer): Generator<Buffer, void> {
  for (let start = 0; start < content.length;) {
    const end = content.indexOf(LF, start) + 1;
    if (end === 0) throw malformed('does not end with a whole line');
    yield content.subarray(start, end);
    start = end;
  }
}

/** @throws RivuletError FRAME_INVALID when there are fewer */
export function takeLines(lines: Iterator<Buffer>, count: number): Buffer[] {
  const taken: Buffer[] = [];
  while (taken.length < count) {
    const { value, done } = lines.next();
    if (done === true) throw malformed('ends too early');
    taken.push(value);
  }
  return taken;
}

export function malformed(problem: string): RivuletError {
  return new RivuletError('FRAME_INVALID', `The content of a patch ${problem}.`);
}
