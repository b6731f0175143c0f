import type { TerminalStyle } from '@rivulet/cli';
import { describeEdge } from './describe-edge';
import type { EdgeReport } from './edge';

const same = (text: string): string => text;
const style: TerminalStyle = { bold: same, dim: same, good: same, bad: same };
const now = new Date('2026-11-27T08:15:30.000Z');

const edge: EdgeReport = {
  url: 'http://127.0.0.1:8081',
  state: 'idle',
  macAddress: '48:b0:2d:e9:c3:b7',
  identity: { auth: 'key', deviceId: '01KAJ9V9RW4C7ZK3DYE7V1NB2R' },
  live: { connected: true, since: '2026-11-27T08:10:30.000Z', lastNudgeAt: '2026-11-27T08:15:00.000Z' },
  lastResult: {
    status: 'applied',
    trigger: 'nudge',
    manifestId: '01M',
    epoch: 1,
    sequence: 42,
    finishedAt: '2026-11-27T08:15:01.000Z',
    durations: { totalMs: 310 },
    acknowledged: true,
  },
  nextRunAt: '2026-11-27T08:20:30.000Z',
  mirrors: [
    {
      name: 'users',
      schema: 'public',
      table: 'users',
      rows: 1_032,
      bytes: 294_600,
      checksum: `sha256:${'0123456789abcdef'.repeat(4)}`,
      loadedAt: '2026-11-27T08:15:01.000Z',
    },
  ],
  lagSeconds: 29,
};

it('says what the edge has done, has proved and does next', () => {
  expect(describeEdge(edge, { style, now })).toEqual([
    'Edge 48:b0:2d:e9:c3:b7 (01KAJ9V9RW4C7ZK3DYE7V1NB2R, http://127.0.0.1:8081)',
    '  Last cycle  applied by nudge in 0.31 s, at 2026-11-27T08:15:01.000Z',
    '  Proved      manifest 01M (epoch 1, number 42), acknowledged',
    '  Lag         29 s since its rows were confirmed',
    '  Live        connected, 5 min 0 s ago; last asked to sync 30 s ago',
    '  Next sync   in 5 min 0 s',
    '',
    'dataset  mirror   rows      size  checksum      changed at',
    'users    users   1,032  294.6 kB  0123456789ab  2026-11-27T08:15:01.000Z',
  ]);
});

it('lets nothing that others have written steer the terminal', () => {
  const live = { ...edge.live, connected: false, problem: 'no\u001b[2J\nway' };
  expect(describeEdge({ ...edge, live }, { style, now }).join('\n')).toContain('no\\x1b[2J\\nway');
});

it('says why a sync failed and what to do, and why there is no live connection', () => {
  const { lastResult } = edge;
  const error = { code: 'CENTRAL_UNREACHABLE', message: 'Central cannot be reached.', nextStep: 'Check it.' };
  const lines = describeEdge(
    {
      ...edge,
      live: { connected: false, since: '2026-11-27T08:15:00.000Z', problem: 'ECONNREFUSED' },
      lastResult: { ...lastResult!, status: 'failed', error },
      mirrors: [],
      lagSeconds: null,
    },
    { style, now },
  );
  expect(lines).toContain('              CENTRAL_UNREACHABLE: Central cannot be reached.');
  expect(lines).toContain('              Check it.');
  expect(lines).toContain('  Live        not connected, 30 s ago: ECONNREFUSED');
  expect(lines).toContain('  Lag         no sync has succeeded yet');
  expect(lines.at(-1)).toBe('No mirrors yet.');
});
