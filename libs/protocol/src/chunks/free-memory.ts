/**
 * Frees the memory of a large buffer that is no longer read. V8 would keep it until a full mark of the heap, and would
 * start one after every few MiB of such buffers while rows are streamed.
 */
export function freeMemory(buffer: Buffer): void {
  // Small buffers share the memory of a pool.
  if (buffer.buffer.byteLength > Buffer.poolSize) (buffer.buffer as ArrayBuffer).transfer(0);
}
