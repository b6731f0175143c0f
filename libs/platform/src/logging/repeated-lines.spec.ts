import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from './logger';
import { causeOfMessage, LINE_CAUSE, RepeatedLines } from './repeated-lines';

function printed(limits: ConstructorParameters<typeof RepeatedLines>[0]) {
  const repeated = new RepeatedLines(limits);
  const lines: string[] = [];
  const log = (cause: string, origin?: string): void => {
    const isAdmitted = repeated.admits({ cause, ...(origin === undefined ? {} : { origin }) }, (held) =>
      lines.push(`${cause} × ${held}`),
    );
    if (isAdmitted) lines.push(cause);
  };
  return { repeated, lines, log };
}

describe('lines of one cause', () => {
  it('are let through so often, and then counted', () => {
    const { repeated, lines, log } = printed({ perCause: 2 });
    for (let count = 0; count < 5; count++) log('a');
    log('b');
    expect(lines).toEqual(['a', 'a', 'b']);
    repeated.flush();
    expect(lines).toEqual(['a', 'a', 'b', 'a × 3']);
  });

  it('are counted from 0 when the minute is over, and the count is printed without another line', async () => {
    const { lines, log } = printed({ perCause: 1, windowMs: 40 });
    log('a');
    log('a');
    await sleep(100);
    expect(lines).toEqual(['a', 'a × 1']);
    log('a');
    expect(lines).toHaveLength(3);
  });

  it('do not take the room of others, unless one origin makes them all', () => {
    const { lines, log } = printed({ perCause: 5, perOrigin: 10 });
    for (let count = 0; count < 50; count++) log(`guess ${count}`, 'attacker');
    for (let count = 0; count < 50; count++) log(`fault ${count}`);
    expect(lines.filter((line) => line.startsWith('guess'))).toHaveLength(10);
    expect(lines.filter((line) => line.startsWith('fault'))).toHaveLength(50);
  });

  it('are told by what is the same in them', () => {
    expect(causeOfMessage('Manifest 01KAJ9V9RW4C7ZK3DYE7V1NB2R failed in 37 ms: table_2')).toBe(
      'Manifest * failed in *: table_2',
    );
  });
});

describe('the log', () => {
  it('never drops an ERROR about another thing, and counts those about the same', () => {
    const lines: { msg: string; repeated?: number }[] = [];
    const write = (line: string): number => lines.push(JSON.parse(line) as (typeof lines)[0]);
    const listeners = process.listeners('exit');
    const logger = createLogger({ app: 'sample', format: 'json', destination: { write } });
    for (let count = 0; count < 500; count++) {
      logger.error({ [LINE_CAUSE]: { cause: `table_${count}`, origin: 'one' } }, `table_${count} is broken`);
      logger.error({ err: new Error('the disk is full') }, 'A write failed');
    }
    expect(lines.filter(({ msg }) => msg.endsWith('is broken'))).toHaveLength(500);
    expect(lines.filter(({ msg }) => msg === 'A write failed')).toHaveLength(30);
    const flush = process.listeners('exit').find((listener) => !listeners.includes(listener))!;
    flush(0);
    expect(lines.at(-1)).toMatchObject({ level: 'error', msg: 'A write failed', repeated: 470 });
  });
});
