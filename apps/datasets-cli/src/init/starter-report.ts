import { counted, escapeControls } from '@rivulet/cli';
import type { StarterReport } from './init';

/** The message after a file was created. */
export function starterLines({ datasets, leftOut, macAddress }: StarterReport, out = 'FILE'): string[] {
  const left = leftOut.length === 0 ? '' : `, ${leftOut.length} left out:`;
  const mac = macAddress === undefined ? '' : ` --mac ${macAddress}`;
  return [
    `${out}: ${counted(datasets, 'dataset')}${left || '.'}`,
    ...leftOut.map(({ table, reason }) => `  ${escapeControls(table.sql)}: ${escapeControls(reason)}`),
    `Next: npm run datasets -- check --file ${out}${mac}`,
  ];
}
