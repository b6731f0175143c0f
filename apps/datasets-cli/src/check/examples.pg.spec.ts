import { readdirSync, readFileSync } from 'node:fs';
import { ROW_MAX_BYTES } from '@rivulet/protocol';
import { createTestDatabase } from '@rivulet/testing';
import { checkDatasetsFile } from './check';
import { previewDevice } from '../preview/preview';

const FOLDER = 'db/examples';
const examples = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

/** The findings expected of a check, as `line:column`, and a word of the message. */
const expected: Record<string, [place: string, word: string][]> = {
  'last-90-days.yaml': [
    ['18:7', 'CURRENT_DATE'],
    ['21:23', 'operator >=, which depends on TimeZone'],
    ['21:26', 'CURRENT_DATE, which depends on TimeZone'],
  ],
  'reference-data.yaml': [
    ['18:12', 'no parameter'],
    ['24:12', 'also returns hedged_at'],
    ['24:12', 'no parameter'],
  ],
};

describe('the examples', () => {
  it.each(examples)('%s has nothing wrong', async (name) => {
    const file = `${FOLDER}/${name}`;
    const database = await createTestDatabase();
    try {
      await database.pool.query(readFileSync(file.replace('.yaml', '.sql'), 'utf8'));
      await database.pool.query('ANALYZE');
      const limits = { timeoutMs: 10_000, maxRowBytes: ROW_MAX_BYTES };
      const report = await checkDatasetsFile(database.pool, { file, macAddresses: [], ...limits });
      const { mistakes, warnings, notes } = report.findings;
      expect(mistakes.list).toEqual([]);
      const said = [...warnings.list, ...notes.list].map((problem) => problem.message);
      expect(said).toEqual(
        (expected[name] ?? []).map(
          ([place, word]) => expect.stringMatching(`^${file}:${place}: .*${word}`) as string,
        ),
      );
      expect(report.devices).not.toEqual([]);
      const options = {
        file,
        macAddress: report.devices[0]!,
        datasets: [],
        sampleRows: 1,
        ...limits,
      };
      const preview = await previewDevice(database.pool, options);
      expect(preview.datasets.map(({ rows, failure }) => [rows > 0, failure])).toEqual(
        preview.datasets.map(() => [true, undefined]),
      );
    } finally {
      await database.drop();
    }
  });

  it('are listed, with their tables', () => {
    const list = readFileSync(`${FOLDER}/README.md`, 'utf8');
    const names = [...list.matchAll(/^\| \[([\w-]+\.yaml)\]/gm)].map((match) => match[1]!);
    expect(names.toSorted()).toEqual(examples);
    const tables = readdirSync(FOLDER).filter((name) => name.endsWith('.sql'));
    expect(tables).toEqual(examples.map((name) => name.replace('.yaml', '.sql')));
  });
});
