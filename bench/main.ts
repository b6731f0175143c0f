import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchFull, fullTable } from './full';
import { BenchServers } from './bench-servers';

const USAGE = `npm run bench -- [--only full] [--rows N] [--quick] [--repeat N] [--out FILE]`;
const QUICK_ROWS = 200_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: 'full' },
      rows: { type: 'string' },
      repeat: { type: 'string', default: '3' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string' },
    },
  });
  const rows = Number(values.rows ?? (values.quick ? QUICK_ROWS : 1_000_000));
  const repeat = Number(values.repeat);
  if (
    !Number.isInteger(rows) ||
    rows < 1 ||
    !Number.isInteger(repeat) ||
    repeat < 1 ||
    values.only !== 'full'
  ) {
    process.stderr.write(`${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const servers = await BenchServers.start();
  try {
    const full = await benchFull(servers, { rows, repeat }, (line) => process.stderr.write(`${line}\n`));
    process.stdout.write(`${fullTable(full)}\n`);
    if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify({ rows, full }, null, 2)}\n`);
  } finally {
    await servers.stop();
  }
}

void main();
