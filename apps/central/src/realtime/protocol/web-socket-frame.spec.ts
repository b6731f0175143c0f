import * as ws from 'ws';
import { webSocketFrame } from './web-socket-frame';

it.each([0, 1, 125, 126, 65_535, 65_536, 200_000])('a text of %d bytes is framed as by ws', (length) => {
  const text = Buffer.alloc(length, 'a');
  const options = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false };
  const { Sender } = ws as unknown as { Sender: { frame(data: Buffer, options: object): Buffer[] } };
  expect(webSocketFrame(text).equals(Buffer.concat(Sender.frame(text, options)))).toBe(true);
});
