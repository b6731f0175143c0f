/**
 * Frees the memory of a buffer that is no longer read, unless it may be a part of the pool of small ones, whose slabs all have
 * one size. V8 would keep it until a full mark of the heap, and would start one after every few MiB of such buffers while
 * rows are streamed.
 */
export function freeMemory(buffer: Buffer): void {
  const { byteLength } = buffer.buffer;
  if (byteLength > 0 && byteLength !== Buffer.poolSize) (buffer.buffer as ArrayBuffer).transfer(0);
}

/** A copy in memory of its own, however small it is: it can be freed. */
export function ownCopyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
