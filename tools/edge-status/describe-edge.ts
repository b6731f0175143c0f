import {
  escapeControlsIn,
  formatBytes,
  formatCount,
  formatSeconds,
  formatTable,
  terminalStyle,
  type TerminalStyle,
} from '@rivulet/cli';
import type { EdgeReport } from './edge';

const CHECKSUM_DIGITS = 12;

/** @param now - the clock that the times are compared with */
export function describeEdge(
  report: EdgeReport,
  {
    width,
    style = terminalStyle(),
    now = new Date(),
  }: { width?: number; style?: TerminalStyle; now?: Date } = {},
): string[] {
  const edge = escapeControlsIn(report);
  const { macAddress, identity, url } = edge;
  const facts = [
    ['Last cycle', describeCycle(edge, style)],
    ...describeError(edge),
    ['Proved', describeProof(edge)],
    [
      'Lag',
      edge.lagSeconds === null
        ? 'no sync has succeeded yet'
        : `${formatSeconds(edge.lagSeconds)} since its rows were confirmed`,
    ],
    ['Live', describeLive(edge, style, now)],
    ['Next sync', edge.nextRunAt === undefined ? 'not scheduled' : inTime(edge.nextRunAt, now)],
    ...(edge.lastScrub === undefined
      ? []
      : [['Last scrub', `${edge.lastScrub.status}, ${since(edge.lastScrub.finishedAt, now)}`]]),
  ];
  return [
    `${style.bold('Edge')} ${macAddress} ${style.dim(`(${identity.deviceId ?? 'not enrolled'}, ${url})`)}`,
    ...facts.map(([label, text]) => `  ${label!.padEnd(11)} ${text}`),
    '',
    ...describeMirrors(edge, width),
  ];
}

function describeCycle({ state, progress, lastResult }: EdgeReport, style: TerminalStyle): string {
  const running = progress === undefined ? '' : `${state} now: ${progress.phase}`;
  if (lastResult === undefined) return running || 'none since the edge was started';
  const { status, trigger, durations, finishedAt } = lastResult;
  const word = status === 'failed' ? style.bad(status) : style.good(status);
  const text = `${word} by ${trigger} in ${formatSeconds(durations.totalMs / 1_000)}, at ${finishedAt}`;
  return running === '' ? text : `${text}; ${running}`;
}

function describeError({ lastResult }: EdgeReport): string[][] {
  if (lastResult?.error === undefined) return [];
  const { code, message, nextStep } = lastResult.error;
  return [
    ['', `${code}: ${message}`],
    ['', nextStep],
  ];
}

function describeProof({ lastResult, mirrors }: EdgeReport): string {
  if (lastResult === undefined || lastResult.status === 'failed' || lastResult.manifestId === null)
    return mirrors.length === 0 ? 'nothing yet' : 'what the mirrors held before; see them below';
  const { manifestId, epoch, sequence, acknowledged } = lastResult;
  const number = epoch === null || sequence === null ? '' : ` (epoch ${epoch}, number ${sequence})`;
  return `manifest ${manifestId}${number}, ${acknowledged ? 'acknowledged' : 'not yet acknowledged'}`;
}

function describeLive({ live }: EdgeReport, style: TerminalStyle, now: Date): string {
  const { connected, since: changedAt, problem, lastNudgeAt } = live;
  const state = connected ? style.good('connected') : style.bad('not connected');
  const nudged = lastNudgeAt === undefined ? '' : `; last asked to sync ${since(lastNudgeAt, now)}`;
  return `${state}, ${since(changedAt, now)}${problem === undefined ? '' : `: ${problem}`}${nudged}`;
}

function describeMirrors({ mirrors }: EdgeReport, maxWidth: number | undefined): string[] {
  if (mirrors.length === 0) return ['No mirrors yet.'];
  const rows = mirrors.map(({ name, schema, table, rows: count, bytes, checksum, loadedAt }) => {
    const start = checksum.indexOf(':') + 1;
    const place = schema === 'public' ? table : `${schema}.${table}`;
    return [
      name,
      place,
      formatCount(count),
      formatBytes(bytes),
      checksum.slice(start, start + CHECKSUM_DIGITS),
      loadedAt,
    ];
  });
  const head = ['dataset', 'mirror', 'rows', 'size', 'checksum', 'changed at'];
  return formatTable([head, ...rows], { alignments: '<<>><<', maxWidth });
}

/** Of this machine's clock, which may have been set since. */
function since(time: string, now: Date): string {
  const seconds = Math.max(0, (now.getTime() - Date.parse(time)) / 1_000);
  return `${formatSeconds(seconds)} ago`;
}

function inTime(time: string, now: Date): string {
  const seconds = (Date.parse(time) - now.getTime()) / 1_000;
  return seconds < 1 ? 'now' : `in ${formatSeconds(seconds)}`;
}
