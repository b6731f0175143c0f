import { LookPace } from './look-pace';

function pauseAfter(...looks: ((pace: LookPace) => void)[]): number {
  const pace = new LookPace();
  for (const look of looks) look(pace);
  return pace.pause;
}

const took = (ms: number) => (pace: LookPace) => pace.succeed(ms, false);
const tookWithNews = (ms: number) => (pace: LookPace) => pace.succeed(ms, true);
const failed = (pace: LookPace): void => pace.fail(100, false);
const away = (pace: LookPace): void => pace.fail(10_000, true);

describe('the pause after a look at definitions', () => {
  it.each([
    ['is short after a cheap look', 5_000, [took(50)]],
    ['is nine times the look after one that takes long', 18_000, [took(2_000)]],
    ['ends some time, however long the look took', 60_000, [took(30_000)]],
    ['is short after the first look at all queries, however long that took', 5_000, [tookWithNews(30_000)]],
    ['is that of before after a changed definition', 18_000, [took(2_000), tookWithNews(30_000)]],
    ['counts a look at changed definitions after another', 60_000, [tookWithNews(9), tookWithNews(30_000)]],
    ['grows with each failure', 20_000, [failed, failed]],
    ['does not grow beyond a minute', 60_000, Array.from({ length: 2_000 }, () => failed)],
    ['is short again after a success', 5_000, [failed, failed, failed, took(50)]],
    ['does not grow while the source is away', 60_000, [away, away]],
    ['is short when the source is refused at once', 5_000, [(pace: LookPace) => pace.fail(5, true)]],
  ])('%s', (_, pauseMs, looks) => {
    expect(pauseAfter(...looks)).toBe(pauseMs);
  });
});
