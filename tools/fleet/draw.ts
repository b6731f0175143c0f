import {
  counted,
  cutLine,
  escapeControls,
  formatCount,
  formatSeconds,
  formatTable,
  terminalStyle,
  type TerminalStyle,
} from '@rivulet/cli';
import { fleetStates, type FleetDevice, type FleetSummary } from './summary';

export interface Frame {
  /** Cells of a line; undefined where lines may be of any length. */
  width?: number | undefined;
  /** Lines that there is room for. */
  height?: number | undefined;
  style?: TerminalStyle;
}

const BAR_CELLS = 40;
/** What a problem or a next step may take of a line beside its label. */
const LABEL_CELLS = 16;

/** The whole summary as lines. Devices that there is no room for are counted. */
export function drawFleet(
  summary: FleetSummary,
  url: string,
  { width, height = Infinity, style = terminalStyle() }: Frame = {},
): string[] {
  const { total, online, agents, centrals, at } = summary;
  const head = [
    `${style.bold('Fleet')} of ${url} ${style.dim(`at ${at.slice(11, 19)} UTC`)}`,
    `${counted(total, 'edge')}, ${formatCount(online)} online · ${counted(agents.total, 'agent')}, ` +
      `${formatCount(agents.online)} online · ${counted(centrals.length, 'central')}`,
    '',
    ...drawStates(summary, style),
    '',
    ...describeFacts(summary, style),
  ];
  const devices = drawDevices(summary, { width, height: height - head.length, style });
  return [...head, ...devices].map((line) => cutLine(line, width));
}

/** The same in one line, for a log. */
export function describeInLine({ at, total, states, worstLag, degraded }: FleetSummary): string {
  const counts = fleetStates.map((state) => `${formatCount(states[state])} ${state}`).join(', ');
  const worst = worstLag === null ? '' : ` · worst lag ${describeLag(worstLag)}`;
  const parts = degraded.map(({ part }) => part).join(', ');
  return `${at}  ${counted(total, 'edge')}: ${counts}${worst}${parts === '' ? '' : ` · degraded: ${parts}`}`;
}

function drawStates({ total, states }: FleetSummary, style: TerminalStyle): string[] {
  const rows = fleetStates.map((state) => {
    const share = total === 0 ? 0 : states[state] / total;
    const cells = states[state] === 0 ? 0 : Math.max(1, Math.round(share * BAR_CELLS));
    return [`  ${state}`, formatCount(states[state]), '█'.repeat(cells)];
  });
  return formatTable(rows, { alignments: '<><' }).map((line, index) => {
    const isBad = fleetStates[index] === 'failing' && states.failing > 0;
    if (isBad) return style.bad(line);
    return fleetStates[index] === 'current' && states.current > 0 ? style.good(line) : line;
  });
}

function describeFacts(summary: FleetSummary, style: TerminalStyle): string[] {
  const { worstLag, publishedToProved: latency, notServed, degraded } = summary;
  const lines = [
    label('Worst lag') + (worstLag === null ? 'none: all are current' : describeLag(worstLag)),
    label('Change → proof') +
      (latency === null
        ? 'not measured yet'
        : `p50 ${seconds(latency.p50Ms)} · p95 ${seconds(latency.p95Ms)} · p99 ${seconds(latency.p99Ms)} ` +
          style.dim(`(${counted(latency.count, 'proof')})`)),
  ];
  const unserved = Object.entries(notServed).filter(([, count]) => count > 0);
  if (unserved.length > 0)
    lines.push(
      label('Not served') + unserved.map(([status, count]) => `${formatCount(count)} ${status}`).join(', '),
    );
  for (const { part, problem } of degraded)
    lines.push(style.bad(`${label('Degraded')}${part}: ${escapeControls(problem)}`));
  return lines;
}

function drawDevices(
  { devices, states }: FleetSummary,
  { width, height, style }: Required<Pick<Frame, 'style'>> & { width: number | undefined; height: number },
): string[] {
  if (devices.length === 0) return [];
  const rows = devices.map(({ name, macAddress, state, online, code, table, lagSeconds, nextStep }) => [
    name,
    macAddress ?? '',
    online ? state : `${state}, offline`,
    [code ?? '', table === null ? '' : `(${table})`].filter(Boolean).join(' '),
    formatSeconds(lagSeconds),
    nextStep ?? '',
  ]);
  const head = ['device', 'MAC address', 'state', 'code', 'lag', 'next step'];
  const draw = (count: number): string[] =>
    formatTable([head, ...rows.slice(0, count)], { alignments: '<<<<><', maxWidth: width });
  // An empty line, the head, and the count of the others; in a narrow terminal that of the columns left out, too.
  let shown = Math.min(devices.length, Math.max(1, height - 3));
  if (draw(shown).length > shown + 1) shown = Math.min(devices.length, Math.max(1, height - 4));
  const [first, ...lines] = draw(shown);
  const more = states.behind + states.failing + states.silent + states.never - shown;
  const rest =
    more > 0
      ? [style.dim(`… and ${counted(more, 'other device')} that ${more === 1 ? 'is' : 'are'} not current`)]
      : [];
  return ['', style.bold(first!), ...lines, ...rest];
}

function describeLag({ name, state, code, lagSeconds }: FleetDevice): string {
  return `${formatSeconds(lagSeconds)}: ${escapeControls(name)} (${[state, code].filter(Boolean).join(', ')})`;
}

function seconds(ms: number): string {
  return formatSeconds(ms / 1_000);
}

function label(text: string): string {
  return text.padEnd(LABEL_CELLS);
}
