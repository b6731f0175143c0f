import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { ConfigurationReport } from '../hub/configuration-calls';
import { ReportSender } from './report-sender';

const { signal } = new AbortController();
let answer: () => Promise<void>;
let said: number[];
let sender: ReportSender;

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  said = [];
  answer = async () => undefined;
  sender = new ReportSender(
    {
      report: ({ sequence }) => {
        said.push(sequence);
        return answer();
      },
    },
    signal,
  );
});

function report(sequence: number): ConfigurationReport {
  return { name: 'default', version: 1, sequence, status: 'APPLIED' };
}

const turn = (): Promise<void> => new Promise(setImmediate);

async function ticks(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await Promise.resolve();
}

it('of reports that come while central is away the latest is sent, as soon as central answers', async () => {
  answer = async () => Promise.reject(new RivuletError('CENTRAL_UNREACHABLE', 'away'));
  sender.send(report(1));
  await turn();
  sender.send(report(2));
  sender.send(report(3));
  await turn();
  const before = said.length;
  answer = async () => undefined;
  sender.tryAgain();
  await sender.stopped();
  expect([said[0], said.slice(before)]).toEqual([1, [3]]);
});

it('one that central refuses is said again when central answers', async () => {
  answer = async () => Promise.reject(new RivuletError('DEVICE_QUARANTINED', 'later'));
  sender.send(report(1));
  await turn();
  answer = async () => undefined;
  sender.tryAgain();
  await sender.stopped();
  expect(said).toEqual([1, 1]);
});

it('one that comes at any moment of the one before is sent', async () => {
  for (let moment = 0; moment < 12; moment++) {
    sender.send(report(1));
    await ticks(moment);
    sender.send(report(2));
    await turn();
    expect([moment, said.at(-1)]).toEqual([moment, 2]);
  }
});
