import { encodeBlock, encodeEndFrame, encodeFrameHeader, FRAMES_CONTENT_TYPE } from '@rivulet/protocol';
import { AnsweringServer } from '../../test/answering-server';
import { MacAuthentication } from './call-authentication';
import { HttpHub } from './http-hub';

const manifestId = '01KAJ9V9RW4C7ZK3DYE7V1NB2R';
const cycleId = '01KAJ9V9RW4C7ZK3DYE7V1NB2S';

let central: AnsweringServer;

// A server for each test: connections that one of them broke are of no use to the next.
beforeEach(async () => {
  central = await AnsweringServer.start();
});
afterEach(() => central.stop());

function hub(idleTimeoutMs = 10_000): HttpHub {
  return new HttpHub({
    centralUrl: central.url,
    authentication: new MacAuthentication('48:b0:2d:e9:c3:b7'),
    requestTimeoutMs: 10_000,
    idleTimeoutMs,
  });
}

const frames = ['1\tAda\n', '2\tGrace\n'.repeat(100), '3\tEdsger\n'].map((text, number) => {
  const content = Buffer.from(text);
  const { encoding, block } = encodeBlock(content);
  const header = { kind: 'chunk', encoding, table: 0, number, rows: 1 } as const;
  const sizes = { contentBytes: content.length, blockBytes: block.length };
  return Buffer.concat([encodeFrameHeader({ ...header, ...sizes, digest: Buffer.alloc(32, number) }), block]);
});
const payload = Buffer.concat([...frames, encodeEndFrame(3)]);

function answerFrames(body: Buffer, after: 'end' | 'reset' | 'nothing'): void {
  central.answer = (_, response) => {
    response.writeHead(200, { 'content-type': FRAMES_CONTENT_TYPE });
    response.write(body, () => {
      if (after === 'end') response.end();
      // Not before the client has read: a reset overtakes what is on its way.
      if (after === 'reset') setTimeout(() => response.socket?.resetAndDestroy(), 50);
    });
  };
}

/** The numbers of the frames that arrived, and how it ended. */
async function fetchAll(from = hub()): Promise<{ numbers: number[]; error?: unknown }> {
  const numbers: number[] = [];
  try {
    for await (const batch of from.frames(manifestId, [{ first: 0, last: 2 }], call()))
      numbers.push(...batch.map(({ header }) => header.number));
  } catch (error) {
    return { numbers, error };
  }
  return { numbers };
}

function call(signal = new AbortController().signal): { cycleId: string; signal: AbortSignal } {
  return { cycleId, signal };
}

function answerJson(status: number, body: unknown): void {
  central.answer = (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

describe('a payload', () => {
  it('is asked for by ranges', async () => {
    answerFrames(encodeEndFrame(9), 'end');
    const ranges = [
      { first: 0, last: 3 },
      { first: 7, last: 7 },
    ];
    await expect(hub().frames(manifestId, ranges, call()).next()).resolves.toMatchObject({ done: true });

    const { head } = central.received[0]!;
    expect(`${head.method} ${head.url}`).toBe(
      `GET /api/device-sync/manifests/${manifestId}/payload?frames=0-3,7-7`,
    );
    expect(head.headers).toMatchObject({ 'x-device-mac': '48:b0:2d:e9:c3:b7', 'x-request-id': cycleId });
  });

  it('is complete with its end frame, and what follows is not read', async () => {
    answerFrames(Buffer.concat([payload, Buffer.from('rubbish of any length')]), 'nothing');

    expect(await fetchAll()).toEqual({ numbers: [0, 1, 2] });
  });

  it.each([
    ['ends early', 'end', /before its end frame/],
    ['is reset', 'reset', /ECONNRESET|other side closed|terminated/],
    ['stalls', 'nothing', /did not answer in time/],
  ] as const)('that %s counts as broken, and what it brought is good', async (_, after, reason) => {
    answerFrames(payload.subarray(0, frames[0]!.length + frames[1]!.length + 20), after);

    const { numbers, error } = await fetchAll(hub(500));

    expect(numbers).toEqual([0, 1]);
    expect(error).toMatchObject({
      code: 'CENTRAL_UNREACHABLE',
      message: expect.stringMatching(reason) as string,
    });
  });

  it('may take longer than the idle timeout, while something arrives', async () => {
    central.answer = (_, response) => {
      response.writeHead(200, { 'content-type': FRAMES_CONTENT_TYPE });
      const pieces = [...frames, encodeEndFrame(3)];
      const timer = setInterval(() => {
        const piece = pieces.shift();
        if (piece !== undefined) response.write(piece);
        else clearInterval(timer);
      }, 300);
    };

    expect(await fetchAll(hub(1_000))).toEqual({ numbers: [0, 1, 2] });
  });

  it('is malformed where a frame has an unknown kind', async () => {
    answerFrames(Buffer.concat([frames[0]!, Buffer.alloc(52, 9)]), 'nothing');

    expect(await fetchAll()).toMatchObject({ error: { code: 'FRAME_INVALID' } });
  });

  it('is refused where a frame announces more than is accepted', async () => {
    const header = Buffer.from(frames[0]!.subarray(0, 52));
    header.writeUInt32BE(2 ** 31, 16);
    answerFrames(header, 'nothing');

    expect(await fetchAll()).toEqual({
      numbers: [],
      error: expect.objectContaining({ code: 'LIMIT_EXCEEDED' }) as Error,
    });
  });

  it('is not looked for in an answer of another type', async () => {
    answerJson(200, { status: 'current', manifestId });

    expect(await fetchAll()).toMatchObject({ error: { code: 'CENTRAL_RESPONSE_INVALID' } });
  });

  it('is refused in the words of central', async () => {
    answerJson(410, { code: 'MANIFEST_EXPIRED', detail: 'A chunk is no longer stored.' });

    expect(await fetchAll()).toMatchObject({ error: { code: 'MANIFEST_EXPIRED' } });
  });

  describe('that is left before its end', () => {
    let closed: Promise<string>;

    beforeEach(() => {
      answerFrames(frames[0]!, 'nothing');
      const { answer } = central;
      closed = new Promise((resolve) => {
        central.answer = (incoming, response) => {
          incoming.socket.once('close', () => resolve('closed'));
          answer(incoming, response);
        };
      });
    });

    it('by its reader, is closed at central too', async () => {
      const stream = hub().frames(manifestId, [{ first: 0, last: 2 }], call());
      await stream.next();
      await stream.return();

      await expect(closed).resolves.toBe('closed');
    });

    it('by the signal, is closed at central too, and fails with the reason', async () => {
      const stopping = new AbortController();
      const stream = hub().frames(manifestId, [{ first: 0, last: 2 }], call(stopping.signal));
      await stream.next();
      stopping.abort(new Error('This edge is shutting down.'));

      await expect(stream.next()).rejects.toThrow('This edge is shutting down.');
      await expect(closed).resolves.toBe('closed');
    });
  });
});
