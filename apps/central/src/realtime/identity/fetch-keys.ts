/** Far more than any set of keys: RSA keys have half a kibibyte each. */
export const MAX_KEYS_BYTES = 256 * 1024;

/** Fetches a set of keys, and no more than that: whoever answers must not fill central's memory. */
export async function fetchKeys(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetchBounded(url, init);
  } catch (error) {
    // jose tells a timeout from the rest.
    if (init.signal?.aborted === true) throw error;
    return new Response(null, { status: 503 });
  }
}

async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const { status, body } = await fetch(url, init);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.byteLength;
    if (bytes > MAX_KEYS_BYTES) return new Response(null, { status: 413 });
    parts.push(part);
  }
  return new Response(Buffer.concat(parts), { status });
}
