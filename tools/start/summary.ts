import { relative } from 'node:path';
import {
  formatBytes,
  formatCount,
  formatSeconds,
  formatTable,
  terminalStyle,
  type TerminalStyle,
} from '@rivulet/cli';
import { logsDirectory, projectRoot } from '../project-paths';
import type { EdgeIdentity, SyncResult } from './sync-status';

const CHECKSUM_DIGITS = 12;

/** Where an app answers. */
interface Place {
  url: string;
  databaseUrl?: string;
}

export interface System {
  central: Place;
  edge: Place;
  worker: Place;
  operator: { username: string; password: string; isNew: boolean };
  identity: EdgeIdentity | undefined;
  firstSync: SyncResult | undefined;
}

/** What the user sees when everything runs. */
export function summarize(
  { central, edge, worker, operator, identity, firstSync }: System,
  style = terminalStyle(),
): string {
  return [
    '',
    style.bold('Rivulet is running.'),
    '',
    ...indent(describePlaces(central, edge, worker)),
    '',
    describeOperator(operator, style),
    describeIdentity(identity, style),
    '',
    ...describeSync(firstSync, style),
    '',
    style.bold('Try'),
    ...indent(suggestions(edge)),
    '',
    style.dim('Ctrl-C stops it; the data stays in .rivulet and npm run reset removes it.'),
    '',
  ].join('\n');
}

function describePlaces(central: Place, edge: Place, worker: Place): string[] {
  const rows = [
    ['central', 'app', central.url],
    ['', 'API', `${central.url}/api/docs`],
    ['', 'database', withoutPassword(central.databaseUrl)],
    ['edge', 'app', edge.url],
    ['', 'API', `${edge.url}/api/docs`],
    ['', 'database', withoutPassword(edge.databaseUrl)],
    ['worker', 'app', worker.url],
    ['logs', `${relative(projectRoot, logsDirectory)}/`, ''],
  ];
  return formatTable(rows, { alignments: '<<<' });
}

/** Terminals are recorded and shown to others; the whole URL is in .rivulet/runtime.json. */
function withoutPassword(databaseUrl = ''): string {
  return databaseUrl.replace(/:[^:/@]+@/, ':…@');
}

/** The password is shown at the first start; later ones name the file that has it. */
function describeOperator({ username, password, isNew }: System['operator'], style: TerminalStyle): string {
  const secret = isNew ? `password ${password} (shown this once)` : 'password as before';
  return `${style.bold('Operator:')} ${username}, ${secret}, also in .rivulet/runtime.json`;
}

function describeIdentity(identity: EdgeIdentity | undefined, style: TerminalStyle): string {
  if (identity?.deviceId === undefined) return `${style.bold('Device:')} ${style.bad('not enrolled')}`;
  const { macAddress, deviceId, keyThumbprint = '' } = identity;
  return `${style.bold('Device:')} ${style.good('enrolled')}, ${macAddress} is ${deviceId} by its key ${keyThumbprint}`;
}

function describeSync(result: SyncResult | undefined, style: TerminalStyle): string[] {
  if (result === undefined) {
    return [
      style.bad('First sync: the edge has not begun one.'),
      '  See GET /api/sync/status of the edge, and its log.',
    ];
  }
  if (result.status === 'failed') {
    const { code = 'INTERNAL', message = 'no reason given', nextStep = '' } = result.error ?? {};
    return [style.bad(`First sync: failed with ${code}.`), ...indent([message, nextStep].filter(Boolean))];
  }
  return [headline(result, style), '', ...indent(describeTables(result))];
}

function headline(result: SyncResult, style: TerminalStyle): string {
  const facts = result.status === 'applied' ? ['applied', 'verified'] : ['already current'];
  facts.push(result.acknowledged ? 'acknowledged' : 'not yet acknowledged');
  const size = `${formatBytes(result.wireBytes)} on the wire`;
  const rest = `${size} in ${formatSeconds(result.durations.totalMs / 1_000)}, manifest ${result.manifestId ?? '–'}`;
  return `${style.bold('First sync:')} ${style.good(facts.join(', '))} ${style.dim(`(${rest})`)}`;
}

function describeTables({ tables }: SyncResult): string[] {
  const rows = tables.map(({ table, action, rows: count, bytes, checksum }) => {
    const digits = checksum.slice(checksum.indexOf(':') + 1, checksum.indexOf(':') + 1 + CHECKSUM_DIGITS);
    return [table, action, formatCount(count), formatBytes(bytes), digits];
  });
  return formatTable([['table', 'action', 'rows', 'size', 'checksum'], ...rows], { alignments: '<<>><' });
}

/** The update reaches every lobby at central; the device gets the one of its own location. */
function suggestions(edge: Place): string[] {
  return [
    `npm run sql -- central "UPDATE areas SET capacity = capacity + 10 WHERE name = 'Lobby'"`,
    `curl -X POST ${edge.url}/api/sync/now`,
    `npm run sql -- edge "SELECT name, floor, capacity FROM areas WHERE name = 'Lobby'"`,
  ];
}

function indent(lines: string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
