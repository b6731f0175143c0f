/**
 * A whole text message as a server sends it, for many sockets: `ws` makes a header, and writes it and the data, for each.
 * https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
export function webSocketFrame(text: Buffer): Buffer {
  const { length } = text;
  const isShort = length < 126;
  const header = Buffer.alloc(isShort ? 2 : length < 65_536 ? 4 : 10);
  header[0] = 0x81;
  header[1] = isShort ? length : length < 65_536 ? 126 : 127;
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, text]);
}
