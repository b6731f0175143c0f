import { setTimeout as delay } from 'node:timers/promises';
import { PassThrough } from 'node:stream';
import { Progress, type ProgressOutput } from './progress';

/** Keeps what is written, as a terminal of so many columns or as a file. */
class Output extends PassThrough implements ProgressOutput {
  text = '';
  readonly isTTY: boolean;

  constructor(readonly columns?: number) {
    super();
    this.isTTY = columns !== undefined;
    this.on('data', (piece: Buffer) => (this.text += piece.toString()));
  }

  /** The screen of a terminal at the end: each line since it was last erased. */
  get shown(): string[] {
    // oxlint-disable-next-line no-control-regex
    return this.text.split('\n').map((line) => line.split(/\u001B\[1G\u001B\[0K/).at(-1)!);
  }
}

describe('progress', () => {
  it('is rewritten in one line of a terminal, and leaves its last word there', async () => {
    const output = new Output(80);
    const progress = new Progress('First sync', { output });
    expect(output.shown).toEqual(['First sync  0 s']);
    progress.update(0.5, 'applying');
    await delay(150);
    expect(output.shown).toEqual(['First sync  ██████████░░░░░░░░░░  50 %  applying  0 s']);
    progress.finish('Done.');
    expect(output.shown).toEqual(['Done.', '']);
  });

  it('leaves out the time and then the bar where the terminal is narrow', async () => {
    const output = new Output(30);
    const progress = new Progress('First sync', { output });
    progress.update(0.5, 'applying');
    await delay(150);
    expect(output.shown).toEqual(['First sync  50 %  applying']);
    progress.finish();
  });

  it('is a line now and then elsewhere', async () => {
    const output = new Output();
    const progress = new Progress('First sync', { output });
    progress.update(0.05, 'applying');
    await delay(250);
    progress.finish('Done.');
    expect(output.text).toBe('First sync …\nDone.\n');
  });

  it('says nothing of what is quick', async () => {
    const output = new Output(80);
    const progress = new Progress('Starting central', { output, quietMs: 10_000 });
    await delay(150);
    progress.finish('Done.');
    expect(output.text).toBe('');
  });
});
