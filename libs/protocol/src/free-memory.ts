/**
 * Gives back at once what is behind a large buffer, of which nobody reads any part any more. V8 would keep it until it has
 * marked its whole heap, and begins to do that after a few MiB of such buffers: again and again, while rows stream by.
 */
export function freeMemory(buffer: Buffer): void {
  // Small buffers share the memory of a pool.
  if (buffer.buffer.byteLength > Buffer.poolSize) (buffer.buffer as ArrayBuffer).transfer(0);
}
