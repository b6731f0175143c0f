import type { TerminalStyle } from '@rivulet/cli';
import stringWidth from 'string-width';
import { describeInLine, drawFleet } from './draw';
import type { FleetDevice, FleetSummary } from './summary';

const same = (text: string): string => text;
const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;
const style: TerminalStyle = { bold: same, dim: same, good: same, bad: same };
const url = 'http://localhost:8080';

const failing: FleetDevice = {
  name: 'SFO lobby',
  macAddress: '48:b0:2d:e9:c3:b7',
  state: 'failing',
  online: true,
  code: 'DISK_FULL',
  table: 'users',
  lagSeconds: 421,
  nextStep: 'Free disk space.',
};
const silent: FleetDevice = {
  ...failing,
  name: 'AUS gate',
  state: 'silent',
  online: false,
  code: null,
  table: null,
};

const summary: FleetSummary = {
  at: '2026-11-27T08:15:30.000Z',
  total: 1_000,
  states: { current: 997, behind: 0, failing: 1, silent: 2, never: 0 },
  online: 998,
  agents: { total: 1, online: 0 },
  notServed: { pending: 2, revoked: 0, quarantined: 0 },
  worstLag: failing,
  devices: [failing, silent],
  publishedToProved: { count: 40, p50Ms: 310, p95Ms: 640, p99Ms: 870 },
  degraded: [{ part: 'bus', problem: 'The bus at nats://bus is not available.', centrals: ['01K'] }],
  centrals: [{}, {}],
};

it('draws the whole fleet', () => {
  expect(drawFleet(summary, url, { style })).toEqual([
    'Fleet of http://localhost:8080 at 08:15:30 UTC',
    '1,000 edges, 998 online · 1 agent, 0 online · 2 centrals',
    '',
    `  current  997  ${'█'.repeat(40)}`,
    '  behind     0',
    '  failing    1  █',
    '  silent     2  █',
    '  never      0',
    '',
    'Worst lag       7 min 1 s: SFO lobby (failing, DISK_FULL)',
    'Change → proof  p50 0.31 s · p95 0.64 s · p99 0.87 s (40 proofs)',
    'Not served      2 pending',
    'Degraded        bus: The bus at nats://bus is not available.',
    '',
    'device     MAC address        state            code                     lag  next step',
    'SFO lobby  48:b0:2d:e9:c3:b7  failing          DISK_FULL (users)  7 min 1 s  Free disk space.',
    'AUS gate   48:b0:2d:e9:c3:b7  silent, offline                     7 min 1 s  Free disk space.',
    '… and 1 other device that is not current',
  ]);
});

it('takes no more lines than there is room for, and none longer than the terminal is wide', () => {
  const devices = Array.from({ length: 100 }, () => failing);
  const lines = drawFleet({ ...summary, devices }, url, { width: 60, height: 24, style });
  expect(lines.length).toBeLessThanOrEqual(24);
  expect(lines.filter((line) => line.length > 60)).toEqual([]);
});

it('shows control characters in names as what they are', () => {
  const name = '\u001b[2Jgone\u202e\u2028';
  const lines = drawFleet({ ...summary, devices: [{ ...failing, name }] }, url, { style });
  expect(lines.join('\n')).not.toMatch(/[\p{Bidi_Control}\p{Zl}]/u);
  expect(lines.join('\n')).not.toContain('\u001b');
  const named = drawFleet({ ...summary, worstLag: { ...failing, name } }, url, { style });
  expect(named.join('\n')).not.toContain('\u001b');
  expect(describeInLine({ ...summary, worstLag: { ...failing, name } })).not.toContain('\u001b');
});

it('says that all is well, and the same in one line', () => {
  const states = { current: 2, behind: 0, failing: 0, silent: 0, never: 0 };
  const well = { ...summary, total: 2, states, worstLag: null, devices: [], publishedToProved: null };
  const lines = drawFleet(well, url, { style });
  expect(lines).toContain('Worst lag       none: all are current');
  expect(lines.at(-1)).toContain('Degraded');
  expect(describeInLine(well)).toBe(
    '2026-11-27T08:15:30.000Z  2 edges: 2 current, 0 behind, 0 failing, 0 silent, 0 never · degraded: bus',
  );
});

it('takes no more than a narrow terminal has, whatever devices are called', () => {
  const name = '漢字\u001b[2J\u202e'.repeat(20);
  const devices = Array.from({ length: 100 }, () => ({ ...failing, name }));
  const wide = {
    ...summary,
    total: 5_000,
    devices,
    worstLag: devices[0]!,
    states: { ...summary.states, failing: 3_000 },
  };
  const lines = drawFleet(wide, url, { width: 40, height: 24, style: { ...style, bad: red, dim: red } });
  expect(lines.length).toBeLessThanOrEqual(24);
  for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(40);
  expect(lines.join('')).not.toContain('\u001b[2J');
});
