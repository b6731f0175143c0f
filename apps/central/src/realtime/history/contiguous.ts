import type { StoredMessage } from './history';

/** Those that follow a position without a gap. */
export function contiguousAfter(after: number, messages: readonly StoredMessage[]): StoredMessage[] {
  const gap = messages.findIndex(({ position }, index) => position !== after + 1 + index);
  return gap === -1 ? [...messages] : messages.slice(0, gap);
}
